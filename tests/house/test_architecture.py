"""What the house promises about its own shape, held by machine."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from agentctl.specs.shapes.backends import BACKENDS

PACKAGE = Path(__file__).parent.parent.parent / "agentctl"
FILES = sorted(PACKAGE.rglob("*.py"))
LATE_DOORS = {"__main__.py", "cli/app.py"}
"""The files that may load modules of the package late."""
PROGRAMS = {"__main__.py", "models/local.py", "toolbox/process/worker.py"}
"""The files outside `cli` that are programs themselves, and so have a stdout of their own."""
HEAVY = {"litellm", "pandas", "mcp", "sqlalchemy"}


def name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_file_has_at_most_400_lines(path: Path):
    """No file has grown too full to be read in one go."""
    assert len(path.read_text().splitlines()) <= 400


@pytest.mark.parametrize("path", [p for p in FILES if p.name != "__init__.py"], ids=name)
def test_a_module_says_what_it_is_for(path: Path):
    """Every module opens with a docstring."""
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("path", FILES, ids=name)
def test_public_names_are_sorted(path: Path):
    """`__all__` is the list of a module's public names, sorted."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            names = ast.literal_eval(node.value)
            upper = [n for n in names if n.isupper() or n[0].isupper()]
            assert sorted(names) == sorted(set(names)), "a name stands twice"
            assert names == sorted(names, key=_isort) or upper == names, names


def _isort(public: str) -> tuple[int, str]:
    kind = 0 if public.isupper() else 1 if public[0].isupper() else 2
    return kind, public


@pytest.mark.parametrize("path", FILES, ids=name)
def test_no_import_of_the_package_hides_in_a_function(path: Path):
    """What a module needs of the house stands at its top, except at the doors for late loading."""
    if name(path) in LATE_DOORS:
        return
    tree = ast.parse(path.read_text())
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            names = []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            hidden = [n for n in names if n.split(".")[0] == "agentctl"]
            assert not hidden, f"{function.name} imports {hidden}"


def test_only_cli_prints():
    """Outside `cli`, nothing prints, prompts or writes to stdout or stderr."""
    printing = [
        f"{name(path)}:{node.lineno}"
        for path in FILES
        if not name(path).startswith("cli/") and name(path) not in PROGRAMS
        for node in ast.walk(ast.parse(path.read_text()))
        if _uses_terminal(node)
    ]
    assert not printing


def _uses_terminal(node: ast.AST) -> bool:
    """Whether this calls `print` or `input`, or is `sys.stdin`, `sys.stdout` or `sys.stderr`."""
    match node:
        case ast.Call(func=ast.Name(id="print" | "input")):
            return True
        case ast.Attribute(value=ast.Name(id="sys"), attr="stdin" | "stdout" | "stderr"):
            return True
    return False


def test_the_loop_reads_like_prose():
    """The loop itself stays under 150 lines of code."""
    lines = (PACKAGE / "runtime" / "conversation" / "loop.py").read_text().splitlines()
    code = [line for line in lines if line.strip() and not line.strip().startswith("#")]
    assert len(code) < 150


@pytest.mark.parametrize(
    "command",
    [
        ["--help"],
        ["check"],
        ["trace", "list"],
        ["eval", "order-support"],
    ],
    ids=" ".join,
)
def test_heavy_libraries_stay_out(command: list[str], tmp_path: Path):
    """Help, check, trace and a replayed eval load neither litellm, pandas, mcp nor sqlalchemy."""
    code = (
        "import sys\n"
        "from agentctl.cli.program import run_cli\n"
        f"run_cli({command!r})\n"
        "print(sorted(sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=PACKAGE.parent,
        env={"PATH": "", "AGENTCTL_HOME": str(tmp_path), "HOME": str(tmp_path)},
        check=True,
    )
    loaded = {module.split(".")[0] for module in ast.literal_eval(done.stderr.splitlines()[-1])}
    assert not loaded & HEAVY


def test_the_contract_on_tool_backends_speaks_of_every_package():
    """A new package may not call a tool backend because nobody listed it."""
    settings = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    floors, contract = (
        next(one for one in contracts if one["name"].startswith(start))
        for start in ("A floor", "Only the dispatcher")
    )
    named = {name for line in floors["layers"] for name in line.split(" | ")}
    assert named == {f"agentctl.{path.parent.name}" for path in PACKAGE.glob("*/__init__.py")}
    below = {"agentctl.specs", "agentctl.core", "agentctl.toolbox"}
    assert set(contract["source_modules"]) == named - below
    backends = {backend.tools.partition(":")[0] for backend in BACKENDS.values()}
    for module in backends:
        assert any(module.startswith(name) for name in contract["forbidden_modules"]), module
