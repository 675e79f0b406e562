"""Read recorded model turns: JSON Lines, one `Recording` (one trial of one scenario) a line.

A line that cannot be read ends the command with its place; a trial that stands twice does too, or
one answer would be counted as two.
"""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from pydantic import ValidationError

from agentctl.core.canonical import Json, NotCanonical, parse_strict
from agentctl.core.errors import Diagnostic, Location, Problem, problem
from agentctl.core.text import did_you_mean
from agentctl.specs.reading.compiled import compiled, normalised
from agentctl.specs.shapes.turns import Recording

_MOST_TOLD = 20
"""Problems shown of one file."""


def read_recordings(
    path: Path, shown: str, scenarios: Collection[str]
) -> Mapping[str, list[Recording]]:
    """Return the recordings of a file by scenario, each scenario's in order of its trials.

    Args:
        path: The file.
        shown: Its name in messages.
        scenarios: The ids that exist in the golden set.

    Raises:
        Problem: All broken lines of the file at once.
    """
    known = frozenset(scenarios)
    found: dict[str, list[Recording]] = {}
    wrong: list[Diagnostic] = []
    seen: dict[tuple[str, int], int] = {}
    for number, recording in _lines(path, shown, wrong):
        at = Location(shown, number)
        key = (recording.scenario, recording.trial)
        if recording.scenario not in known:
            wrong.append(
                Diagnostic(
                    "unknown-scenario",
                    f"the golden set has no scenario `{recording.scenario}`",
                    at,
                    did_you_mean(recording.scenario, sorted(known)),
                )
            )
        elif key in seen:
            message = f"trial {key[1]} of `{key[0]}` is already on line {seen[key]}"
            wrong.append(Diagnostic("repeated-trial", message, at, "number the trials from 1"))
        else:
            seen[key] = number
            found.setdefault(recording.scenario, []).append(recording)
        if len(wrong) >= _MOST_TOLD:
            break
    if wrong:
        raise Problem(*wrong)
    if not found:
        raise problem("no-recordings", f"no recording in {shown}", at=Location(shown, 1))
    for trials in found.values():
        trials.sort(key=lambda recording: recording.trial)
    return found


def _lines(path: Path, shown: str, wrong: list[Diagnostic]) -> Iterator[tuple[int, Recording]]:
    """Yield the numbered recordings; what cannot be read is added to `wrong`."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if len(wrong) >= _MOST_TOLD:
                    return
                if line.strip():
                    try:
                        recording = Recording.model_validate(_object(line))
                    except NotCanonical as error:
                        wrong.append(Diagnostic("bad-line", str(error), Location(shown, number)))
                    except ValidationError as error:
                        wrong.extend(explained(error, Location(shown, number)))
                    else:
                        yield number, _compiled(normalised(recording))
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise problem("unreadable-file", f"cannot read {shown}: {why}") from error


_compiled = compiled(Recording)
"""The form that is quick to play and quick to send to another process."""


def _object(line: str) -> Json:
    value = parse_strict(line)
    if value is None:
        raise NotCanonical("not a JSON object")
    return value


def explained(error: ValidationError, at: Location) -> list[Diagnostic]:
    """Return what a line of recorded turns breaks of its shape."""
    found = []
    for part in error.errors(include_url=False, include_context=False, include_input=False):
        where = ".".join(str(step) for step in part["loc"])
        said = part["msg"].removeprefix("Value error, ")
        found.append(Diagnostic("bad-recording", f"{where}: {said}" if where else said, at))
    return found


__all__ = ["explained", "read_recordings"]
