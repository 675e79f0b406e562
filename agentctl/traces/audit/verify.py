"""Was a trace changed after it was written? Names the first event that was.

Every line must be exactly the canonical form of what it says, its hashes must be right, and it must
follow the line before. What this cannot prove: the owner of the files can rewrite all of them,
unless a printed head is kept elsewhere.

An event whose content was erased has neither body nor salt; it counts as whole only where a later
`content.erased` of the same run names it. Such an event may also follow the end of its run.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from agentctl.core.canonical import (
    Json,
    NotCanonical,
    canonical_text,
    parse_strict,
    read_canonical,
    rewritten,
)
from agentctl.core.errors import problem
from agentctl.core.exits import ExitCode
from agentctl.traces.log.chain import DOMAIN, START
from agentctl.traces.log.journal import Journal
from agentctl.traces.log.store import MAX_LINE, TOO_LONG, open_log, raw_lines

_HEADER = ("at", "body_hash", "prev", "run", "seq", "type", "v")
_KEYS = {*_HEADER, "body", "hash", "salt"}
_ERASED_KEYS = {*_HEADER, "hash"}

ERASURE = "content.erased"
"""The event that makes erased content valid."""


class Tampering(NamedTuple):
    """The first thing in a run that is not as it was written."""

    line: int
    seq: int
    """Position in the run of the event that is wrong or missing."""
    what: str


class RunCheck(NamedTuple):
    """What was found of one run."""

    run: str
    events: int
    head: str
    ended: bool
    """Whether the run's last event is there."""
    torn: bool
    """A last line without its end was set aside; only a run that has not ended may have one."""
    tampering: Tampering | None
    heads: tuple[str, ...] = ()
    """The hash of every event, in order: a head that was printed earlier is one of them."""
    erased: int = 0
    """Events whose content was erased."""


class _Run:
    """The run whose lines are being read."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.events = 0
        self.head = START
        self.ended = False
        self.heads: list[str] = []
        self.bare: dict[int, int] = {}
        self.erased: set[int] = set()

    def take(self, number: int, event: dict[str, Json]) -> None:
        """Count the event of line `number` in."""
        if "body" not in event:
            self.bare[event["seq"]] = number
        elif event["type"] == ERASURE:
            named = event["body"].get("seq")
            for seq in named if isinstance(named, list) else ():
                if isinstance(seq, int) and seq in self.bare:
                    self.erased.add(seq)
        self.events += 1
        self.head = event["hash"]
        self.heads.append(self.head)
        self.ended = self.ended or event["type"] == "run.ended"

    def done(self, tampering: Tampering | None = None, *, torn: bool = False) -> RunCheck:
        lost = sorted(self.bare.keys() - self.erased)
        if tampering is None and lost:
            what = "its content is gone, and no later event says that it was erased"
            tampering = Tampering(self.bare[lost[0]], lost[0], what)
        heads = tuple(self.heads)
        erased = len(self.bare)
        return RunCheck(
            self.name, self.events, self.head, self.ended, torn, tampering, heads, erased
        )


def verify_file(path: Path) -> list[RunCheck]:
    """Check every run of a file.

    Raises:
        Problem: If the file cannot be read at all.
    """
    try:
        with open_log(path) as file:
            return list(_runs(raw_lines(file), path.stem))
    except OSError as error:
        message = f"{path}: {error.strerror}"
        raise problem("unreadable-trace", message, exit_code=ExitCode.UNKNOWN) from error


def verify_data(data: bytes, name: str) -> list[RunCheck]:
    """Check every run of a file's content; `name` stands for a run that does not say its own."""
    return list(_runs(BytesIO(data), name))


def against(journal: Journal, checks: Sequence[RunCheck], *, whole: bool) -> list[str]:
    """Compare runs with the journal that sealed them; return each contradiction as a line.

    Args:
        journal: The project's journal.
        checks: What was found of the runs themselves.
        whole: All runs of the project were checked, so one that is sealed and missing is reported.
    """
    found = []
    if journal.wrong is not None:
        line, what = journal.wrong
        found.append(f"line {line} of the journal: {what}")
    runs = {check.run: check for check in checks}
    last: dict[str, int] = {}
    for seal in journal.seals:
        check = runs.get(seal.run)
        if check is None:
            if whole and seal.run not in last:
                found.append(f"{seal.run} was sealed, and its trace is gone")
        elif seal.events < last.get(seal.run, 0):
            found.append(f"{seal.run} was sealed again with fewer events than before")
        elif seal.head not in check.heads[seal.events - 1 : seal.events]:
            was = f"{seal.events} events, head {seal.head[:12]}"
            now = f"{check.events} events, head {check.head[:12]}"
            found.append(f"{seal.run} was sealed with {was}, and has {now}")
        last[seal.run] = seal.events
    return found


def _runs(lines: Iterable[bytes], name: str) -> Iterator[RunCheck]:
    run: _Run | None = None
    number, rest = 0, b""
    for number, ended in enumerate(lines, start=1):
        if not ended.endswith(b"\n"):
            rest = ended
            break
        line = ended[:-1]
        event, text = _parsed(line)
        starts = isinstance(event, dict) and event.get("seq") == 0 and event.get("prev") == START
        if run is None or (run.ended and starts):
            if run is not None:
                yield run.done()
            run = _Run(str(event["run"]) if isinstance(event, dict) and "run" in event else name)
        wrong = _wrong(line, event, run, text)
        if wrong is not None:
            yield run.done(Tampering(number, run.events, wrong))
            return
        assert isinstance(event, dict)
        run.take(number, event)
    if run is None:
        run = _Run(name)
        if not rest:
            # Its writer was killed before the first event; a sealed run the journal would miss.
            yield run.done(torn=True)
            return
    wrong = _wrong_rest(rest, run)
    if wrong is not None:
        yield run.done(Tampering(number, run.events, wrong))
        return
    yield run.done(torn=bool(rest))


def _wrong_rest(rest: bytes, run: _Run) -> str | None:
    """Say what is wrong with a last line without its end, if it is not what a kill leaves."""
    if len(rest) > MAX_LINE:
        return TOO_LONG
    event, text = _parsed(rest[:-1])
    if rest and _wrong(rest[:-1], event, run, text) is None:
        return "the end of its line was changed"
    return "something stands after the end of the run" if rest and run.ended else None


_Writer = Callable[[Json], bytes]


def _canonical(value: Json) -> bytes:
    return canonical_text(value).encode()


def _parsed(line: bytes) -> tuple[Json, _Writer]:
    """Return what a line says, and what writes it and its parts in canonical form."""
    event = read_canonical(line)
    if event is not None:
        return event, rewritten
    try:
        return parse_strict(line.decode(), max_bytes=MAX_LINE), _canonical
    except (NotCanonical, UnicodeDecodeError):
        return None, _canonical


def _wrong(line: bytes, event: Json, run: _Run, text: _Writer) -> str | None:
    """Say what is wrong with the line that should be the run's next event."""
    if not isinstance(event, dict):
        return "the line is not JSON"
    erased = event.keys() == _ERASED_KEYS
    if event.keys() != _KEYS and not erased:
        return "the line lacks a field, or has one too many"
    if event["run"] != run.name:
        return f"the event is of another run, `{event['run']}`"
    if run.ended and (event["type"] != ERASURE or erased):
        return "an event stands after the end of the run"
    if event["seq"] != run.events or isinstance(event["seq"], bool):
        return f"event {run.events} is missing, or moved: here stands event {event['seq']}"
    if event["prev"] != run.head:
        return "it does not follow the event before"
    if not erased and not _holds_body(event, text):
        return "its content was changed"
    header = text({key: event[key] for key in _HEADER})
    if hashlib.sha256(DOMAIN + header).hexdigest() != event["hash"]:
        return "its header was changed"
    if text(event) != line:
        return "the line was rewritten in another form"
    return None


def _holds_body(event: dict[str, Json], text: _Writer) -> bool:
    salt, body = event["salt"], event["body"]
    if not isinstance(salt, str) or not isinstance(body, dict):
        return False
    return bool(hashlib.sha256(salt.encode() + text(body)).hexdigest() == event["body_hash"])


__all__ = ["ERASURE", "RunCheck", "Tampering", "against", "verify_data", "verify_file"]
