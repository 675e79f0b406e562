"""Read and write cassettes: JSON Lines beside a golden set, one line a model turn.

What many turns share (the system prompt, the tools, the model with its settings) stands once, under
a label, so that a changed prompt is one changed line. No hash is kept: the key of a turn is worked
out from what its lines say, and cannot contradict it.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from agentctl.core.canonical import (
    Json,
    NotCanonical,
    canonical_text,
    digest,
    parse_strict,
    same_value,
)
from agentctl.core.errors import Diagnostic, Location, Problem, problem
from agentctl.core.files import replacing
from agentctl.evals.running.recordings import explained
from agentctl.models.cassette import Exchange, Rendered, reply_message
from agentctl.models.port import ToolOffer
from agentctl.specs.loading.sets import LoadedSet
from agentctl.specs.reading.locate import CASSETTES, shown_path
from agentctl.specs.shapes.turns import TapedTurn

LONGEST_LINE = 64 * 1024 * 1024
"""Characters of a line; a tool may have returned a lot."""
_MOST_TOLD = 20
_NUMBER = re.compile(r" \d+$")
_ORDER = ("model", "system", "tools", "tool")
"""In which order what is shared stands in the file."""
_FIELDS = ("to", "tools", "system")
_RESOLVE = "keep one side whole, or record again: agentctl eval SET --record missing"

TrialKey = tuple[str, int]
"""A scenario and the number of an attempt at it."""


class Cassette:
    """The recorded turns of one golden set, kept as the lines they stand in.

    Args:
        shared: What turns share, by label.
    """

    def __init__(self, shared: Mapping[str, Json] | None = None) -> None:
        self.shared: dict[str, Json] = dict(shared or {})
        self._labels = {digest([_kind(k), v]): k for k, v in self.shared.items()}
        self._lines: dict[str, dict[int, list[str]]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    def __iter__(self) -> Iterator[TrialKey]:
        """Yield the recorded trials, sorted."""
        for scenario in sorted(self._lines):
            for trial in self.trials(scenario):
                yield scenario, trial

    def trials(self, scenario: str) -> tuple[int, ...]:
        """Return the numbers of the recorded trials of a scenario."""
        return tuple(sorted(self._lines.get(scenario, ())))

    def lines(self, scenario: str, trial: int) -> list[str]:
        """Return the lines of one trial, to be read or added to."""
        return self._lines.setdefault(scenario, {}).setdefault(trial, [])

    def exchanges(self, scenario: str, trial: int) -> tuple[Exchange, ...]:
        """Return one recorded trial, in order; nothing where none is recorded."""
        found: list[Exchange] = []
        for line in self._lines.get(scenario, {}).get(trial, ()):
            turn = TapedTurn.model_validate(_read(line))
            found.append(Exchange(self._request(turn, found[-1] if found else None), turn))
        return tuple(found)

    def _request(self, turn: TapedTurn, before: Exchange | None) -> Rendered:
        model, tools, messages = before.request if before is not None else ({}, [], [])
        if turn.to is not None:
            model = self.shared[turn.to]
        if turn.tools is not None:
            tools = [self.shared[label] for label in self.shared[turn.tools]]
        if before is None or turn.anew:
            messages = []
            if turn.system is not None:
                messages = [{"role": "system", "content": self.shared[turn.system]}]
        else:
            messages = [*messages, reply_message(before.turn, before.turn.turn)]
        return Rendered(model, tools, [*messages, *turn.asked])

    def put(self, scenario: str, trial: int, exchanges: Sequence[Exchange]) -> list[str]:
        """Keep a trial in place of what was recorded of it; return the lines that are new."""
        known = len(self.shared)
        made: list[str] = []
        before: Exchange | None = None
        for number, exchange in enumerate(exchanges, start=1):
            made.append(self._line((scenario, trial, number), exchange, before))
            before = exchange
        self._lines.setdefault(scenario, {})[trial] = made
        new = list(self.shared.items())[known:]
        return [_shared_line(label, content) for label, content in new] + made

    def drop(self, scenario: str, trial: int) -> None:
        """Forget a trial."""
        self._lines[scenario].pop(trial)

    def _line(self, at: tuple[str, int, int], one: Exchange, before: Exchange | None) -> str:
        request, turn = one
        line: dict[str, Json] = dict(zip(("scenario", "trial", "turn"), at, strict=True))
        if before is None or not same_value(before.request.model, request.model):
            line["to"] = self._label("model", request.model)
        if before is None or not same_value(before.request.tools, request.tools):
            labels = [self._label(f"tool {tool['name']}", tool) for tool in request.tools]
            line["tools"] = self._label("tools", labels)
        asked = request.messages
        went = [*before.request.messages, reply_message(before.turn, at[2] - 1)] if before else []
        if before is not None and same_value(asked[: len(went)], went):
            asked = asked[len(went) :]
        else:
            if before is not None:
                line["anew"] = True
            if asked and set(asked[0]) == {"role", "content"} and asked[0]["role"] == "system":
                line["system"] = self._label("system", asked[0]["content"])
                asked = asked[1:]
        line["asked"] = asked
        own = {"scenario", "trial", "turn", "to", "tools", "system", "anew", "asked"}
        line |= turn.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude=own)
        return _text(line)

    def _label(self, kind: str, content: Json) -> str:
        mark = digest([kind, content])
        known = self._labels.get(mark)
        if known is None:
            known = self._labels[mark] = _free(kind, self.shared)
            self.shared[known] = content
        return known

    def text(self, before: Mapping[str, Json]) -> Iterator[str]:
        """Yield the lines of the file, newlines included: what is shared first, then by trial.

        Args:
            before: What the file shared until now: the same content keeps its label.
        """
        names = self._names(before)
        renamed = {
            new: [names[label] for label in self.shared[old]]
            if _kind(old) == "tools"
            else self.shared[old]
            for old, new in names.items()
        }
        for label in sorted(renamed, key=_place):
            yield _shared_line(label, renamed[label]) + "\n"
        for scenario, trial in self:
            for line in self._lines[scenario][trial]:
                turn = _read(line)
                turn |= {field: names[turn[field]] for field in _FIELDS if field in turn}
                yield _text(turn) + "\n"

    def _names(self, before: Mapping[str, Json]) -> dict[str, str]:
        """Return a label for everything in use: what is known keeps its own."""
        used = self._used()
        known = {digest([_kind(label), content]): label for label, content in before.items()}
        names: dict[str, str] = {}
        for parts in (False, True):
            # The tools before the lists of them, which hold their labels.
            ours = [label for label in used if (_kind(label) == "tools") is parts]
            contents = {label: self.shared[label] for label in ours}
            if parts:
                contents = {k: [names[tool] for tool in v] for k, v in contents.items()}
            marks = {label: digest([_kind(label), contents[label]]) for label in ours}
            names |= {label: known[mark] for label, mark in marks.items() if mark in known}
            for label in ours:
                if label not in names:
                    names[label] = _free(_kind(label), names.values())
        return names

    def _used(self) -> list[str]:
        found: dict[str, None] = {}
        for scenario, trial in self:
            for line in self._lines[scenario][trial]:
                turn = _read(line)
                for field in _FIELDS:
                    if field in turn:
                        found[turn[field]] = None
                        if field == "tools":
                            found |= dict.fromkeys(self.shared[turn[field]])
        return list(found)


def cassette_of(loaded: LoadedSet) -> Path:
    """Return where the cassette of a golden set is, or will be."""
    return loaded.path.parent / CASSETTES / f"{loaded.name}.jsonl"


def read_cassette(path: Path, *, replace: bool = False) -> Cassette:
    """Read a cassette.

    Args:
        path: The file.
        retakes: Whether a trial may stand there again; then the last one counts.

    Raises:
        Problem: Everything that is wrong with it, with file and line.
    """
    file = shown_path(path)
    try:
        with path.open(encoding="utf-8", newline="\n") as lines:
            return _parsed(lines, file, replace=replace)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise problem("unreadable-file", f"cannot read {file}: {why}") from error


def write_cassette(path: Path, cassette: Cassette, before: Mapping[str, Json]) -> None:
    """Write a cassette whole, or not at all; without a trial there is no file.

    Args:
        path: The file.
        cassette: What to write.
        before: What the file shared until now.
    """
    if not len(cassette):
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path, sync=True) as file:
        file.writelines(line.encode() for line in cassette.text(before))


def _parsed(lines: Iterable[str], file: str, *, replace: bool) -> Cassette:
    found = Cassette()
    shared = found.shared
    wrong: list[Diagnostic] = []
    uses: list[tuple[int, str, str]] = []
    for number, line in enumerate(lines, start=1):
        at = Location(file, number)
        try:
            data = _read(line)
            if isinstance(data, dict) and "shared" in data:
                _keep_shared(data, shared)
                continue
            turn = TapedTurn.model_validate(data)
        except NotCanonical as error:
            wrong.append(Diagnostic("bad-line", str(error), at, _RESOLVE))
        except ValidationError as error:
            wrong += explained(error, at)
        else:
            own = found.lines(turn.scenario, turn.trial)
            if replace and turn.turn == 1:
                own.clear()
            if turn.turn != len(own) + 1:
                message = f"turn {turn.turn} of {turn.scenario}#{turn.trial} follows {len(own)}"
                wrong.append(Diagnostic("turn-order", message, at, _RESOLVE))
            own.append(line.rstrip("\n"))
            uses += ((number, f, label) for f in _FIELDS if (label := getattr(turn, f)))
            if len(own) == 1 and (turn.to is None or turn.tools is None):
                message = "the first turn of a trial names its model (`to`) and its `tools`"
                wrong.append(Diagnostic("bad-recording", message, at, _RESOLVE))
        if len(wrong) >= _MOST_TOLD:
            break
    wrong += _unknown(uses, shared, file)
    if wrong:
        raise Problem(*wrong[:_MOST_TOLD])
    return found


def _keep_shared(data: dict[str, Json], shared: dict[str, Json]) -> None:
    label, content = data.get("shared"), data.get("is")
    if not isinstance(label, str) or set(data) != {"shared", "is"}:
        raise NotCanonical("not `shared` with `is`")
    match _kind(label).partition(" ")[0]:
        case "model":
            fits = isinstance(content, dict) and "name" in content
        case "system":
            fits = isinstance(content, str)
        case "tools":
            fits = isinstance(content, list) and all(isinstance(name, str) for name in content)
        case "tool":
            fits = isinstance(content, dict) and set(content) == set(ToolOffer._fields)
        case _:
            fits = False
    if not fits:
        raise NotCanonical(f"`{label}` does not match its label")
    if label in shared:
        raise NotCanonical(f"`{label}` occurs twice")
    shared[label] = content


def _unknown(
    uses: Sequence[tuple[int, str, str]], shared: Mapping[str, Json], file: str
) -> Iterator[Diagnostic]:
    for number, field, label in uses:
        kind = "model" if field == "to" else field
        found = [(label, kind)]
        if kind == "tools" and _kind(label) == "tools":
            found += [(name, "tool") for name in shared.get(label, ())]
        for name, wanted in found:
            if name not in shared or _kind(name).partition(" ")[0] != wanted:
                message = f"no {wanted} is shared as `{name}`"
                yield Diagnostic("unknown-label", message, Location(file, number), _RESOLVE)


def _read(line: str) -> Json:
    return parse_strict(line, max_bytes=LONGEST_LINE)


def _shared_line(label: str, content: Json) -> str:
    return _text({"shared": label, "is": content})


def _text(line: dict[str, Json]) -> str:
    """Write a line: its keys in the order given, what is below them in canonical order."""
    return "{" + ",".join(f"{json.dumps(key)}:{_value(line[key])}" for key in line) + "}"


def _value(value: Json) -> str:
    return canonical_text([value])[1:-1]


def _kind(label: str) -> str:
    """Return a label without its number.

    >>> _kind("system 2"), _kind("tool get_order")
    ('system', 'tool get_order')
    """
    return _NUMBER.sub("", label)


def _free(kind: str, taken: Collection[str]) -> str:
    label, number = kind, 1
    while label in taken:
        number += 1
        label = f"{kind} {number}"
    return label


def _place(label: str) -> tuple[int, str, int]:
    kind = _kind(label)
    number = int(label[len(kind) :] or 1)
    return _ORDER.index(kind.partition(" ")[0]), kind, number


__all__ = ["Cassette", "TrialKey", "cassette_of", "read_cassette", "write_cassette"]
