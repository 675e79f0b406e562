"""Tools that are Python functions: each call in a process of its own."""

import os
import sys
import textwrap
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agentctl.core.errors import Problem
from agentctl.core.messages import ToolResult
from agentctl.toolbox.backends import LiveTools
from agentctl.toolbox.port import BackendCall, Opening
from agentctl.toolbox.variables import variables_of
from tests.support.build import bundle

NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
PRINCIPAL = {"id": "cus_7", "role": "customer", "name": "Ana"}


def opened(
    folder: Path, source: str, effect: str = "none", root: Path | None = None, **live: Any
) -> LiveTools:
    """Write a module beside the manifest and return its function `answer` as a tool."""
    (folder / "shop_crm.py").write_text(textwrap.dedent(source))
    raw = {
        "name": "look_up",
        "description": "Look up.",
        "effect": effect,
        "live": {"kind": "python", "function": "shop_crm:answer", **live},
    }
    owner = bundle(tools=[raw], folder=folder)
    if root is not None:
        owner = type(owner)(**{n: getattr(owner, n) for n in owner.__slots__} | {"root": root})
    return LiveTools(Opening(owner, variables_of(owner)))


def send(backend: LiveTools, key: str | None = None, **args: Any) -> ToolResult:
    result = backend.send("look_up", BackendCall(args, PRINCIPAL, NOW), key)
    backend.close()
    return result


def error(result: ToolResult) -> tuple[str, str]:
    assert result.error is not None
    return result.error


def test_a_function_is_given_arguments_and_context(tmp_path: Path):
    """What it returns is the result."""
    source = """
        def answer(args, context):
            told = [context.tool, context.agent, context.principal["id"], context.key]
            return {"args": args, "told": told, "at": [context.now.year, str(context.now.tzinfo)]}
    """
    assert send(opened(tmp_path, source), "k1", n=3).value == {
        "args": {"n": 3},
        "told": ["look_up", "order-desk", "cus_7", "k1"],
        "at": [2026, "UTC"],
    }


def test_what_it_prints_is_no_answer(tmp_path: Path):
    """Neither from Python, nor from a child, nor while it is imported."""
    source = """
        import os, subprocess
        print("hello")
        def answer(args, context):
            print("{}"); os.write(1, b"[1]"); subprocess.run(["echo", "2"])
            return "only this"
    """
    assert send(opened(tmp_path, source)).value == "only this"


def test_each_call_has_a_fresh_process(tmp_path: Path):
    """Nothing of one call is left for the next, which may be another person's."""
    source = """
        import os
        seen = []
        def answer(args, context):
            seen.append(context.principal["id"])
            return [seen, os.getpid()]
    """
    backend = opened(tmp_path, source)
    first, second = send(backend).value, send(backend).value
    assert first[0] == second[0] == ["cus_7"]
    assert len({first[1], second[1], os.getpid()}) == 3


def test_it_sees_path_and_the_variables_that_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """As any program; and Python's own variables do not reach it."""
    monkeypatch.setenv("OTHER_SECRET", "hidden")
    monkeypatch.setenv("CRM_TOKEN", "t-1")
    source = "import os\ndef answer(args, context): return dict(os.environ)"
    seen = send(opened(tmp_path, source, env=["CRM_TOKEN"])).value
    assert seen == {"PATH": os.environ["PATH"], "CRM_TOKEN": "t-1"}


def test_modules_are_found_beside_the_manifest_at_the_root_and_installed(tmp_path: Path):
    """In this order; agentctl's own files are not among them."""
    folder, root = tmp_path / "tools", tmp_path
    folder.mkdir()
    (root / "at_root.py").write_text("WHERE = 'root'")
    (folder / "beside.py").write_text("WHERE = 'beside'")
    source = """
        import beside, at_root, pytest, http
        def answer(args, context): return [beside.WHERE, at_root.WHERE, hasattr(http, "HTTPStatus")]
    """
    assert send(opened(folder, source, root=root)).value == ["beside", "root", True]


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("", "AttributeError: module 'shop_crm' has no attribute 'answer'"),
        ("answer = 3", "TypeError: shop_crm:answer is not a function"),
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("def answer(:", "SyntaxError: "),
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("import os; os._exit(0)", "it cannot be imported"),
    ],
)
def test_a_function_that_cannot_be_had_is_an_error_when_the_run_begins(
    tmp_path: Path, source: str, why: str
):
    """With the reason, and no traceback."""
    with pytest.raises(Problem) as raised:
        opened(tmp_path, source)
    (found,) = raised.value.diagnostics
    assert found.code == "no-such-function"
    assert found.message.startswith(f"`look_up` calls `shop_crm:answer`: {why}")


def test_an_import_that_hangs_is_an_error_when_the_run_begins(tmp_path: Path):
    """It has as long as a call."""
    with pytest.raises(Problem, match="importing it took longer than"):
        opened(tmp_path, "import time; time.sleep(20)", timeout_s=0.3)


def test_a_function_that_is_gone_since_was_surely_not_called(tmp_path: Path):
    """The file may be edited while the run goes on."""
    backend = opened(tmp_path, "def answer(args, context): return 1", "irreversible")
    (tmp_path / "shop_crm.py").write_text("answers = 1")
    result = send(backend)
    assert error(result)[0] == "unavailable"
    assert error(result)[1].startswith("cannot be started: AttributeError")
    assert not result.sent


@pytest.mark.parametrize(
    ("effect", "kind"), [("none", "internal"), ("irreversible", "unavailable")]
)
def test_an_exception_is_one_line_without_a_traceback(tmp_path: Path, effect: str, kind: str):
    """After a write that broke off, nobody knows."""
    source = "def answer(args, context): raise KeyError(args['id'] + '\\n\\nand more')"
    result = send(opened(tmp_path, source, effect), id="o_1")
    assert error(result) == (kind, r"it ended with exit code 1: KeyError: 'o_1\n\nand more'")


@pytest.mark.parametrize("leaving", ["sys.exit(0)", "os._exit(0)"])
def test_a_function_that_leaves_has_not_answered(tmp_path: Path, leaving: str):
    """Exit code 0 does not make it one."""
    source = f"import os, sys\ndef answer(args, context): {leaving}"
    assert not send(opened(tmp_path, source)).ok


def test_a_declared_error_is_told_as_it_is(tmp_path: Path):
    """A function needs nothing of agentctl to say so."""
    source = (
        "def answer(args, context): return {'error': 'not_found', 'message': 'no ' + args['id']}"
    )
    assert error(send(opened(tmp_path, source), id="o_1")) == ("not_found", "no o_1")


@pytest.mark.parametrize("value", ["{1, 2}", "float('nan')", "object()", "10**400 * 1.5j"])
def test_a_result_that_is_no_json_is_refused(tmp_path: Path, value: str):
    """It has run, and its answer cannot be believed."""
    result = send(opened(tmp_path, f"def answer(args, context): return {value}"))
    assert result.error is not None


def test_a_set_is_no_json(tmp_path: Path):
    """The message says why."""
    assert error(send(opened(tmp_path, "def answer(args, context): return {1}"))) == (
        "invalid_output",
        "what it returned is not JSON: Object of type set is not JSON serializable",
    )


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's limits")
def test_the_memory_cap_is_named(tmp_path: Path):
    """Two hundred megabytes do not fit into 64."""
    source = "def answer(args, context): return len(bytearray(200_000_000))"
    assert error(send(opened(tmp_path, source, memory_mb=64))) == (
        "internal",
        "it ended with exit code 1: MemoryError: it needs more than 64 MB (`memory_mb`)",
    )


def test_a_function_that_hangs_is_ended(tmp_path: Path):
    """In a loop that no exception reaches."""
    source = """
        def answer(args, context):
            while True:
                try:
                    while True: pass
                except BaseException: pass
    """
    backend = opened(tmp_path, source, timeout_s=0.5)
    began = time.monotonic()
    assert error(send(backend))[0] == "timeout"
    assert time.monotonic() - began < 5
