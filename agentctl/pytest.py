"""Golden sets as pytest tests, one test a scenario: `pytest --agentctl golden_sets/`.

A scenario that fails its expectation is a failed test with the reasons as its text; an inconclusive
one is an error, never a pass. The gates of a set are decided by `agentctl eval` alone. Without
`--agentctl`, or `agentctl_golden_sets = true` among pytest's settings, nothing is collected and
nothing of agentctl is loaded beyond this file.
"""

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from agentctl.specs.loading.sets import LoadedSet

_SUFFIXES = (".yaml", ".yml", ".jsonl")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option and the setting that ask for golden sets."""
    text = "Collect golden sets as tests, one test a scenario."
    parser.getgroup("agentctl").addoption("--agentctl", action="store_true", help=text)
    parser.addini("agentctl_golden_sets", text, type="bool", default=False)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a file that is a golden set of its project."""
    config = parent.config
    if not (config.getoption("--agentctl") or config.getini("agentctl_golden_sets")):
        return None
    if file_path.suffix not in _SUFFIXES:
        return None
    project = _api().load_project(file_path.parent)
    if file_path not in project.golden_set_files():
        return None
    return GoldenSetFile.from_parent(parent, path=file_path)


class GoldenSetFile(pytest.File):
    """A golden set; it is evaluated once, with the scenarios that are selected."""

    def collect(self) -> Iterator["ScenarioItem"]:
        """Yield a test for each scenario."""
        self.project = _api().load_project(self.path.parent)
        self.golden_set: LoadedSet = self.project.golden_set(str(self.path))
        self.rows: dict[str, list[Any]] | None = None
        for entry in self.golden_set.scenarios():
            yield ScenarioItem.from_parent(self, name=entry.scenario.id, line=entry.line)

    def repr_failure(
        self,
        excinfo: pytest.ExceptionInfo[BaseException],
        style: Any = None,  # noqa: ARG002
    ) -> Any:
        """Show what is wrong with the set as `agentctl check` does."""
        if isinstance(excinfo.value, _api().Problem):
            return str(excinfo.value)
        return super().repr_failure(excinfo)

    def rows_of(self, scenario: str) -> list[Any]:
        """Return the trials of a scenario; the first request plays all selected ones."""
        if self.rows is None:
            wanted = [item.name for item in self.session.items if item.parent is self]
            select = wanted if len(wanted) < len(self.golden_set) else ()
            done = _api().evaluate(self.project, [str(self.path)], select=select)
            self.rows = {}
            for row in done.results[0].rows:
                self.rows.setdefault(row.scenario, []).append(row)
        return self.rows[scenario]


class ScenarioItem(pytest.Item):
    """One scenario of a golden set."""

    parent: GoldenSetFile

    def __init__(self, *, line: int, **known: Any) -> None:
        super().__init__(**known)
        self._line = line

    def setup(self) -> None:
        """Play the scenario; what is inconclusive is an error of the test's preparation."""
        try:
            self._rows = self.parent.rows_of(self.name)
        except _api().Problem as problem:
            pytest.fail(str(problem), pytrace=False)
        unclear = [row for row in self._rows if row.status == "inconclusive"]
        if unclear and not any(row.status == "failed" for row in self._rows):
            pytest.fail(self._reasons(unclear), pytrace=False)

    def runtest(self) -> None:
        """Fail with the reasons of every trial that failed."""
        failed = [row for row in self._rows if row.status == "failed"]
        if failed:
            pytest.fail(self._reasons(failed), pytrace=False)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return the place of the scenario in its file."""
        return self.path, self._line - 1, self.name

    def _reasons(self, rows: list[Any]) -> str:
        lines = []
        for row in rows:
            trial = f"{row.scenario}#{row.trial}" if len(self._rows) > 1 else row.scenario
            lines += [f"{trial}: {reason.message}" for reason in row.reasons]
            lines.append(f"agentctl trace show {self.parent.golden_set.name}/{trial}")
        neutralised: Callable[[str], str] = import_module("agentctl.core.text").neutralised
        return neutralised("\n".join(lines))


def _api() -> Any:
    """Return `agentctl.api`, which takes half a second to load: only once golden sets are there."""
    return import_module("agentctl.api")


__all__ = [
    "GoldenSetFile",
    "ScenarioItem",
    "pytest_addoption",
    "pytest_collect_file",
]
