"""Golden sets as pytest tests."""

import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

# Loaded here, since pytester unloads what a session of its own loads, and PyYAML cannot be loaded
# twice.
import agentctl.api
import agentctl.pytest  # noqa: F401
from agentctl.app.new_project import start_project

ROOT = Path(__file__).parent.parent
PLUGIN = ("-p", "agentctl.pytest")
SET = Path("golden_sets") / "library-desk.yaml"
SCENARIOS = (files("agentctl") / "templates" / "library" / SET).read_text().count("  - id: ")


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch) -> pytest.Pytester:
    monkeypatch.delenv("AGENTCTL_HOME", raising=False)
    start_project(pytester.path)
    return pytester


def change(project: pytest.Pytester, old: str, new: str) -> None:
    path = project.path / SET
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_each_scenario_is_a_test(project):
    """With `--agentctl` every scenario of a golden set is one test, named by its id."""
    done = project.runpytest(*PLUGIN, "--agentctl", "-v", "golden_sets")
    done.assert_outcomes(passed=SCENARIOS)
    done.stdout.fnmatch_lines(["golden_sets/library-desk.yaml::renew-a-loan PASSED*"])


def test_nothing_is_collected_unless_asked_for(project):
    """Without the option and the setting, a golden set is no test."""
    done = project.runpytest(*PLUGIN, "golden_sets")
    done.assert_outcomes()
    assert done.ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_the_setting_asks_for_golden_sets_too(project):
    """`agentctl_golden_sets = true` does the same as the option."""
    project.makeini("[pytest]\nagentctl_golden_sets = true\n")
    project.runpytest(*PLUGIN, "golden_sets").assert_outcomes(passed=SCENARIOS)


def test_a_failed_scenario_shows_its_reasons(project):
    """The text of a failure is what `agentctl eval` says, and how to see the trace."""
    change(project, "renewals: 1}}}", "renewals: 7}}}")
    done = project.runpytest(*PLUGIN, "--agentctl", "golden_sets")
    done.assert_outcomes(passed=SCENARIOS - 1, failed=1)
    done.stdout.fnmatch_lines(
        ["renew-a-loan: *renewals*7*", "agentctl trace show library-desk/renew-a-loan"]
    )
    assert "Traceback" not in done.stdout.str()


def test_an_inconclusive_scenario_is_an_error(project):
    """A scenario that nothing can be said about is neither passed nor failed."""
    change(project, "      - {say: Renewed. The Sea", "      # {say: Renewed. The Sea")
    done = project.runpytest(*PLUGIN, "--agentctl", "golden_sets")
    done.assert_outcomes(passed=SCENARIOS - 1, errors=1)
    done.stdout.fnmatch_lines(["renew-a-loan: *recorded turns*"])
    assert done.ret == pytest.ExitCode.TESTS_FAILED


def test_a_broken_set_is_an_error_of_collection(project):
    """What `agentctl check` would report is shown, and the session fails."""
    change(project, "agent: library-desk", "agent: library-dsek")
    done = project.runpytest(*PLUGIN, "--agentctl", "golden_sets")
    done.assert_outcomes(errors=1)
    done.stdout.fnmatch_lines(["error?unknown-agent?: no agent `library-dsek`"])


def test_only_the_selected_scenarios_are_played(project):
    """`-k` selects scenarios like other tests; those left out are not evaluated."""
    change(project, "      - {say: Renewed. The Sea", "      # {say: Renewed. The Sea")
    done = project.runpytest(*PLUGIN, "--agentctl", "golden_sets", "-k", "not renew-a-loan")
    done.assert_outcomes(passed=SCENARIOS - 1, deselected=1)


def test_worlds_and_other_files_are_no_tests(project):
    """Only files that a project counts as golden sets are collected."""
    done = project.runpytest(*PLUGIN, "--agentctl", "--collect-only", "-q")
    assert "worlds" not in done.stdout.str()
    assert "agents" not in done.stdout.str()
    done.stdout.fnmatch_lines([f"{SCENARIOS} tests collected*"])


def test_the_plug_in_loads_nothing_of_agentctl_by_itself():
    """A pytest that is not asked for golden sets pays for one small file."""
    code = "import agentctl.pytest, sys; print(*[m for m in sys.modules if 'agentctl' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["agentctl", "agentctl.pytest"]


def test_the_package_registers_the_plug_in(project, monkeypatch):
    """Once installed, pytest knows `--agentctl` without `-p`."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    info = project.path / "agentctl-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: agentctl\nVersion: 0\n")
    lines = "".join(f"{name} = {where}\n" for name, where in declared["pytest11"].items())
    (info / "entry_points.txt").write_text(f"[pytest11]\n{lines}")
    monkeypatch.setenv("PYTHONPATH", f"{project.path}:{ROOT}")
    done = project.runpytest_subprocess("--agentctl", "golden_sets")
    done.assert_outcomes(passed=SCENARIOS)
