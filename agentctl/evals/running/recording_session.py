"""Keep what is recorded as soon as a trial has ended, and make a cassette of it in the end.

A recording of hundreds of trials costs money and can be cut off at any moment. So each trial is
appended to a file in the state folder when it is done; the next recording finds it there, and the
cassette itself appears whole.
"""

import os
from collections.abc import Sequence

from agentctl.evals.running.cassettes import Cassette, cassette_of, read_cassette, write_cassette
from agentctl.models.cassette import Exchange
from agentctl.specs.loading.sets import LoadedSet
from agentctl.specs.reading.locate import CASSETTES, shown_path, state_folder
from agentctl.traces.log.append import append
from agentctl.traces.log.locks import lock


class RecordingSession:
    """One recording of one golden set.

    Args:
        loaded: The set.
        rerecord: Whether what an earlier recording left behind is thrown away.

    Raises:
        Problem: If the set is being recorded already, or what is there cannot be read.
    """

    def __init__(self, loaded: LoadedSet, *, rerecord: bool) -> None:
        self.path = cassette_of(loaded)
        self.kept = 0
        """Trials that were recorded by now."""
        self._rerecord = rerecord
        folder = state_folder(loaded.bundle.root) / CASSETTES
        folder.mkdir(parents=True, exist_ok=True)
        self._partial = folder / f"{loaded.name}.partial"
        flags = os.O_CREAT | os.O_APPEND | os.O_RDWR
        self._descriptor = os.open(self._partial, flags, 0o600)
        try:
            lock(self._descriptor, f"the recording of `{loaded.name}`")
            if rerecord:
                os.ftruncate(self._descriptor, 0)
            self._cut_torn_line()
            self._takes = read_cassette(self._partial, replace=True)
            self.cassette = read_cassette(self.path) if self.path.is_file() else Cassette()
        except BaseException:
            self.close()
            raise
        self._before = dict(self.cassette.shared)
        """What the cassette shared when the recording began."""
        self.found = len(self._takes)
        """Trials that an earlier recording left behind."""
        _merge(self.cassette, self._takes)

    def keep(self, scenario: str, trial: int, exchanges: Sequence[Exchange]) -> None:
        """Keep one trial, on the disk before this returns.

        Raises:
            OSError: If it cannot be written.
        """
        lines = self._takes.put(scenario, trial, exchanges)
        append(self._descriptor, "".join(f"{line}\n" for line in lines).encode())
        os.fsync(self._descriptor)
        self.kept += 1

    def finish(self, most: int | None = None) -> str:
        """Write the cassette; return its name as it is shown.

        Args:
            most: Attempts at each recorded scenario that were asked for; an older one beyond them
                is dropped. Left out = none is.
        """
        whole = self.cassette
        for scenario, trial in list(whole):
            if self._rerecord and most and trial > most and self._takes.trials(scenario):
                whole.drop(scenario, trial)
        _merge(whole, self._takes)
        write_cassette(self.path, whole, self._before)
        self._partial.unlink()
        return shown_path(self.path)

    def close(self) -> None:
        """Let go of the file; what is in it stays for the next recording."""
        os.close(self._descriptor)

    def _cut_torn_line(self) -> None:
        """Drop what a killed process left of a line: its trial is asked for again."""
        data = self._partial.read_bytes()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.ftruncate(self._descriptor, whole)


def _merge(cassette: Cassette, more: Cassette) -> None:
    for scenario, trial in more:
        cassette.put(scenario, trial, more.exchanges(scenario, trial))


__all__ = ["RecordingSession"]
