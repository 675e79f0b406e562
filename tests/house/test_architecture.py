"""What the house promises about its own shape, held by machine: each test names every offender."""

import ast
import subprocess
import sys
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from agentctl.specs.shapes.backends import BACKENDS
from tests.support.command import ROOT

FILES = sorted(path for room in ("agentctl", "benchmarks") for path in (ROOT / room).rglob("*.py"))
PACKAGE = [path for path in FILES if path.is_relative_to(ROOT / "agentctl")]
LATE_DOORS = {"agentctl/__main__.py", "agentctl/cli/program.py"}
"""The files that may load modules of the package late."""
HEAVY = {"litellm", "pandas", "mcp", "sqlalchemy"}
MOST_LINES = 400
MOST_FILES = 15

Module = tuple[str, ast.Module]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def modules() -> list[Module]:
    """Return every module of the package, parsed once."""
    return [(name(path), ast.parse(path.read_text())) for path in PACKAGE]


def test_a_file_has_at_most_400_lines():
    """No file has grown too full to be read in one go."""
    counted = {name(path): len(path.read_text().splitlines()) for path in FILES}
    assert {file: lines for file, lines in counted.items() if lines > MOST_LINES} == {}


def test_a_folder_has_at_most_15_files():
    """No room has grown too full to be looked over."""
    counted: dict[str, int] = defaultdict(int)
    for path in FILES:
        counted[name(path.parent)] += 1
    assert {folder: files for folder, files in counted.items() if files > MOST_FILES} == {}


def silent_modules(parsed: list[Module]) -> Iterator[str]:
    for file, tree in parsed:
        if tree.body and not ast.get_docstring(tree):
            yield file


def names_defined_twice(parsed: list[Module]) -> Iterator[str]:
    places: dict[str, list[str]] = defaultdict(list)
    for file, tree in parsed:
        for node in tree.body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                places[node.name].append(file)
    for defined, files in places.items():
        if len(files) > 1 and not defined.startswith("_"):
            yield f"{defined}: {', '.join(files)}"


def unsorted_names(parsed: list[Module]) -> Iterator[str]:
    for file, tree in parsed:
        for node in tree.body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
                names = ast.literal_eval(node.value)
                if len(set(names)) < len(names) or names != sorted(names, key=_as_isort):
                    yield file


def _as_isort(public: str) -> tuple[int, str]:
    kind = 0 if public.isupper() else 1 if public[0].isupper() else 2
    return kind, public


def hidden_imports(parsed: list[Module]) -> Iterator[str]:
    for file, tree in parsed:
        for function in ast.walk(tree):
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for node in ast.walk(function):
                if isinstance(node, ast.ImportFrom):
                    names = [node.module or ""]
                elif isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                else:
                    continue
                if any(n.split(".")[0] == "agentctl" for n in names) and file not in LATE_DOORS:
                    yield f"{file}: {function.name} imports {', '.join(names)}"


RULES = [silent_modules, names_defined_twice, unsorted_names, hidden_imports]
"""A module opens with a docstring; a public class or function has a name of its own; `__all__` is
sorted; what a module needs of the package stands at its top, except at the doors."""


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_no_module_breaks_a_rule(rule: Callable[[list[Module]], Iterator[str]]):
    """Whatever breaks a rule is named, all at once."""
    assert list(rule(modules())) == []


def test_no_class_of_the_benchmarks_is_named_like_another():
    """`main`, `measure` and `report` are parts of every benchmark; its types are its own."""
    parsed = [(name(path), ast.parse(path.read_text())) for path in FILES]
    classes = [
        (file, ast.Module([node for node in tree.body if isinstance(node, ast.ClassDef)], []))
        for file, tree in parsed
    ]
    assert list(names_defined_twice(classes)) == []


@pytest.mark.parametrize(
    ("rule", "first", "second", "found"),
    [
        (silent_modules, "x = 1", "", ["a.py"]),
        (names_defined_twice, "class Run: ...", "def Run(): ...", ["Run: a.py, b.py"]),
        (names_defined_twice, "def _own(): ...", "def _own(): ...", []),
        (unsorted_names, "__all__ = ['b', 'a']", "__all__ = ['A', 'a']", ["a.py"]),
        (unsorted_names, "__all__ = ['a', 'a']", "", ["a.py"]),
        (
            hidden_imports,
            "def f():\n    from agentctl.core import text",
            "import agentctl\ndef f():\n    import pandas",
            ["a.py: f imports agentctl.core"],
        ),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_rule_finds_what_breaks_it(
    rule: Callable[[list[Module]], Iterator[str]], first: str, second: str, found: list[str]
):
    """A rule that could find nothing would hold nothing."""
    assert list(rule([("a.py", ast.parse(first)), ("b.py", ast.parse(second))])) == found


def test_the_loop_reads_like_prose():
    """The loop itself stays under 150 lines of code."""
    file = ROOT / "agentctl" / "runtime" / "conversation" / "loop.py"
    lines = file.read_text().splitlines()
    code = [line for line in lines if line.strip() and not line.strip().startswith("#")]
    assert len(code) < 150


def test_heavy_libraries_stay_out(tmp_path: Path):
    """Help, check, trace and a replayed eval load neither litellm, pandas, mcp nor sqlalchemy."""
    code = (
        "import sys\n"
        "from agentctl.cli.program import run_cli\n"
        "for words in ('--help', 'check', 'trace list', 'eval order-support'):\n"
        "    run_cli(words.split())\n"
        f"    print(words, {HEAVY!r} & sys.modules.keys(), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PATH": "", "AGENTCTL_HOME": str(tmp_path), "HOME": str(tmp_path)},
        check=True,
    )
    told = [line for line in done.stderr.splitlines() if line.endswith(("set()", "}"))]
    assert told == [
        f"{words} set()" for words in ("--help", "check", "trace list", "eval order-support")
    ]


def test_the_contract_on_tool_backends_speaks_of_every_package():
    """A new package may not call a tool backend because nobody listed it."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = settings["tool"]["importlinter"]["contracts"]
    floors, contract = (
        next(one for one in contracts if one["name"].startswith(start))
        for start in ("A floor", "Only the dispatcher")
    )
    named = {name for line in floors["layers"] for name in line.split(" | ")}
    rooms = {f"agentctl.{path.parent.name}" for path in ROOT.glob("agentctl/*/__init__.py")}
    assert named == rooms | {"agentctl.api", "agentctl.pytest"}
    below = {"agentctl.specs", "agentctl.core", "agentctl.toolbox"}
    assert set(contract["source_modules"]) == named - below
    backends = {backend.tools.partition(":")[0] for backend in BACKENDS.values()}
    for module in backends:
        assert any(module.startswith(name) for name in contract["forbidden_modules"]), module
