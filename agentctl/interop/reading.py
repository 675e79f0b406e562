"""Read recorded runs, whatever they come from: recordings, chat logs, traces of our own.

A file is read line by line; every problem has its line, and all are reported at once. What is none
of these is named by what it looks like, with the way out.
"""

from collections.abc import Mapping, Sequence
from io import BufferedReader, FileIO
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from agentctl.core.canonical import Json, NotCanonical, parse_line
from agentctl.core.errors import Diagnostic, Location, Problem, problem
from agentctl.core.events import Event
from agentctl.evals.running.recordings import RecordingCollector
from agentctl.interop.chat_logs import ChatLogReader, ScenarioIndex
from agentctl.interop.formats import ForeignFormat, foreign_file, foreign_object
from agentctl.interop.own_traces import is_trace_line, recording_of_run
from agentctl.specs.loading.sets import LoadedSet
from agentctl.specs.reading.locate import shown_path
from agentctl.specs.shapes.turns import Recording
from agentctl.traces.audit.verify import verify_file
from agentctl.traces.log.content import require_content
from agentctl.traces.log.store import MAX_LINE, TOO_LONG, event_of, find, raw_lines, trace_lines

_START = 65536
"""Bytes of a file by which its format is recognised."""
_BOM = b"\xef\xbb\xbf"


class RunsFile(NamedTuple):
    """A file of runs, and which of them is meant."""

    path: Path
    run: str | None = None
    """Left out = all."""


def find_runs(reference: Path, root: Path) -> list[RunsFile]:
    """Return the files that a reference means.

    Args:
        reference: A file, a folder of `.jsonl` files, or a run: its id or the start of it,
            `latest`, `SET/SCENARIO#N`.
        root: The project, where runs are looked for.

    Raises:
        Problem: If there is none.
    """
    if reference.is_dir():
        files = sorted(reference.glob("*.jsonl"))
        if not files:
            raise problem("no-recordings", f"no .jsonl file in {shown_path(reference)}")
        return [RunsFile(file) for file in files]
    if reference.exists() or reference.suffix:
        return [RunsFile(reference)]
    return [RunsFile(*find(root, str(reference)))]


def read_runs(files: Sequence[RunsFile], loaded: LoadedSet) -> Mapping[str, list[Recording]]:
    """Return recorded runs by scenario, each scenario's in order of its trials.

    Args:
        files: Where they are.
        loaded: The golden set they are scored with.

    Raises:
        Problem: Everything that is wrong with the files, or that they hold nothing.
    """
    collector = RecordingCollector(loaded.ids())
    reader = _RunsReader(loaded, collector)
    for file in files:
        if not collector.full:
            reader.read(file)
    shown = ", ".join(shown_path(file.path) for file in files[:3])
    return collector.recordings(shown)


class _RunsReader:
    def __init__(self, loaded: LoadedSet, collector: RecordingCollector) -> None:
        self._loaded = loaded
        self._collector = collector
        self._index = ScenarioIndex(loaded)
        self._chat = ChatLogReader(self._index, loaded.bundle.tools)

    def read(self, source: RunsFile) -> None:
        shown = shown_path(source.path)
        try:
            with BufferedReader(FileIO(source.path), _START) as file:
                start = file.peek(_START)
                foreign = foreign_file(start[:_START])
                if foreign is not None:
                    self._wrong("foreign-format", f"this is {foreign.name}", shown, 1, foreign)
                    return
                own = self._read_lines(file, shown)
            if own:
                self._read_own(source, shown)
        except OSError as error:
            raise problem("unreadable-file", f"cannot read {shown}: {error.strerror}") from error
        except Problem as met:
            self._collector.wrong.extend(met.diagnostics)

    def _read_lines(self, file: BinaryIO, shown: str) -> bool:
        """Read objects line by line; return whether they turn out to be events of a trace."""
        for number, line in enumerate(raw_lines(file), start=1):
            if self._collector.full:
                break
            text = line.removeprefix(_BOM).strip() if number == 1 else line.strip()
            if not text:
                continue
            if len(line) > MAX_LINE:
                self._wrong("bad-line", TOO_LONG, shown, number)
                break
            try:
                data = parse_line(text, max_bytes=MAX_LINE)
            except NotCanonical as error:
                self._wrong("bad-line", str(error), shown, number)
                continue
            if not isinstance(data, dict):
                self._wrong("bad-line", "expected a JSON object", shown, number)
            elif is_trace_line(data):
                if number == 1:
                    return True
                message = "an event of a trace stands among recorded runs"
                self._wrong("bad-line", message, shown, number)
            else:
                self._take(data, Location(shown, number))
        return False

    def _take(self, data: dict[str, Json], at: Location) -> None:
        if "messages" in data and "turns" not in data:
            try:
                self._collector.add(self._chat.recording(data), at)
            except ValueError as error:
                self._collector.wrong.append(Diagnostic("bad-recording", str(error), at))
        elif "turns" in data or (data and data.keys() <= Recording.model_fields.keys()):
            self._collector.add(data, at)
        else:
            found = foreign_object(data)
            message = f"this is {found.name}"
            self._collector.wrong.append(Diagnostic("foreign-format", message, at, found.way_out))

    def _read_own(self, source: RunsFile, shown: str) -> None:
        """Read the runs of a trace, which must be as they were written."""
        for check in verify_file(source.path):
            if check.tampering is not None:
                hint = f"agentctl trace verify {shown}"
                at = Location(shown, check.tampering.line)
                message = f"the trace was changed: {check.tampering.what}"
                raise problem("damaged-trace", message, at=at, hint=hint)
        lines = trace_lines(source.path)
        for run, own in groupby(lines, key=lambda numbered: numbered[1]["run"]):
            numbered = list(own)
            if source.run in (None, run):
                at = Location(shown, numbered[0][0])
                self._take_run(str(run), [event_of(line) for _, line in numbered], at)

    def _take_run(self, run: str, events: Sequence[Event], at: Location) -> None:
        try:
            require_content(run, events, "scored")
            recording = recording_of_run(events)
            recording |= self._trial_of(events[0].body, recording["turns"])
        except Problem as met:
            self._collector.wrong.extend(met.diagnostics)
        except ValueError as error:
            message = f"run {run}: {error}"
            self._collector.wrong.append(Diagnostic("bad-recording", message, at))
        else:
            self._collector.add(recording, at)

    def _trial_of(
        self, started: Mapping[str, Json], turns: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        """Return the scenario of a run, and which attempt at it, where the run says so."""
        of = started.get("scenario")
        if isinstance(of, dict) and of["set"] == self._loaded.name:
            return {"scenario": of["id"], "trial": of["trial"]}
        first = next((turn["user"] for turn in turns if "user" in turn), None)
        return {"scenario": self._index.find(first)}

    def _wrong(
        self, code: str, message: str, shown: str, line: int, found: ForeignFormat | None = None
    ) -> None:
        hint = found.way_out if found is not None else None
        self._collector.wrong.append(Diagnostic(code, message, Location(shown, line), hint))


__all__ = ["RunsFile", "find_runs", "read_runs"]
