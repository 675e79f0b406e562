"""Tools that are programs: real processes, what they see, what is believed, what they leave."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agentctl.core.errors import Problem
from agentctl.core.messages import ToolResult
from agentctl.toolbox.backends import LiveTools
from agentctl.toolbox.port import BackendCall, Opening
from agentctl.toolbox.variables import ManifestVariables, variables_of
from tests.support.build import bundle
from tests.support.command import until

NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
PRINCIPAL = {"id": "cus_7", "role": "customer", "name": "Ana"}
linux = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's limits and /proc")


def tool(*command: str, **more: Any) -> dict[str, Any]:
    live = {"kind": "command", "command": list(command), **more.pop("live", {})}
    described = {"name": "look_up", "description": "Look up.", "effect": "none"}
    return {**described, "live": live, **more}


def program(folder: Path, source: str, **more: Any) -> dict[str, Any]:
    """Return a tool that runs this Python source as a program."""
    file = folder / "program.py"
    file.write_text("import json, os, sys, time\n" + textwrap.dedent(source))
    return tool(sys.executable, "program.py", **more)


def opened(folder: Path, *raw: dict[str, Any], **agent: Any) -> LiveTools:
    owner = bundle(tools=list(raw), folder=folder, **agent)
    return LiveTools(Opening(owner, variables_of(owner)))


def send(backend: LiveTools, key: str | None = None, **args: Any) -> ToolResult:
    result = backend.send("look_up", BackendCall(args, PRINCIPAL, NOW), key)
    backend.close()
    return result


def error(result: ToolResult) -> tuple[str, str]:
    assert result.error is not None
    return result.error


def gone(pid: int) -> bool:
    """Whether a process is dead, or about to be."""

    def dead() -> bool:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        return state == "Z"

    until(dead)
    return True


def test_a_program_is_given_the_call_and_answers_json(tmp_path: Path):
    """One object on stdin, one value on stdout, in the folder of the manifest."""
    asked = program(tmp_path, "print(json.dumps([json.load(sys.stdin), os.getcwd()]))")
    value = send(opened(tmp_path, asked), "k1", order_id="o_1").value
    assert value == [
        {
            "tool": "look_up",
            "args": {"order_id": "o_1"},
            "principal": PRINCIPAL,
            "agent": "order-desk",
            "key": "k1",
            "now": "2026-01-15T09:00:00+00:00",
        },
        str(tmp_path.resolve()),
    ]


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
def test_a_node_program_runs_under_a_small_memory_cap(tmp_path: Path):
    """What Node reserves and does not use is not counted."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "lookup.mjs").write_text(
        "let text = '';\n"
        "for await (const part of process.stdin) text += part;\n"
        "console.log(JSON.stringify({upper: JSON.parse(text).args.name.toUpperCase()}));\n"
    )
    asked = tool("node", "tools/lookup.mjs", live={"memory_mb": 128})
    assert send(opened(tmp_path, asked), name="añä").value == {"upper": "AÑÄ"}


def test_a_program_sees_path_and_the_variables_that_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """A secret of the process is not passed on; one that is named comes under the agent's name."""
    monkeypatch.setenv("OTHER_SECRET", "hidden")
    monkeypatch.setenv("SUPPORT_CRM_TOKEN", "t-1")
    asked = program(tmp_path, "print(json.dumps(dict(os.environ)))", live={"env": ["CRM_TOKEN"]})
    mine = opened(tmp_path, asked, credentials={"CRM_TOKEN": "SUPPORT_CRM_TOKEN"})
    seen = send(mine).value
    seen.pop("LC_CTYPE", None)  # Python's own, for itself
    assert seen == {"PATH": os.environ["PATH"], "CRM_TOKEN": "t-1"}


def test_a_variable_that_is_not_set_is_an_error_before_any_call(tmp_path: Path):
    """When the run begins."""
    owner = bundle(tools=[program(tmp_path, "", live={"env": ["CRM_TOKEN"]})], folder=tmp_path)
    with pytest.raises(Problem, match="needs the environment variable CRM_TOKEN"):
        LiveTools(Opening(owner, ManifestVariables({}, {}, {}, {})))


@pytest.mark.parametrize("name", ["no-such-thing", "./tools/none", "plain.txt", "./plain.txt"])
def test_a_program_that_does_not_exist_is_an_error_when_the_run_begins(tmp_path: Path, name: str):
    """So is a file that may not be executed."""
    (tmp_path / "plain.txt").write_text("")
    with pytest.raises(Problem, match="`look_up` runs") as raised:
        opened(tmp_path, tool(name))
    assert raised.value.diagnostics[0].code == "no-such-program"


def test_a_program_beside_the_manifest_is_found_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Relative paths begin at the folder of the manifest, not where the command was typed."""
    file = tmp_path / "answer"
    file.write_text("#!/bin/sh\necho '[1, 2]'\n")
    file.chmod(0o755)
    monkeypatch.chdir("/")
    assert send(opened(tmp_path, tool("./answer"))).value == [1, 2]


def test_what_cannot_be_started_was_surely_not_sent(tmp_path: Path):
    """An interpreter that is missing shows only when the program is run."""
    file = tmp_path / "answer"
    file.write_text("#!/no/such/interpreter\n")
    file.chmod(0o755)
    result = send(opened(tmp_path, tool("./answer")))
    assert error(result) == ("unavailable", "cannot be started: No such file or directory")
    assert not result.sent


def test_no_shell_reads_the_command_or_the_arguments(tmp_path: Path):
    """`$(...)`, `;`, `|` and `*` are characters."""
    words = ["$(touch hacked)", "; touch hacked", "| x", "*", "`id`", "$HOME"]
    source = "print(json.dumps([sys.argv[1:], json.load(sys.stdin)['args']['q']]))"
    asked = program(tmp_path, source)
    asked["live"]["command"] += words
    assert send(opened(tmp_path, asked), q="$(touch hacked)").value == [words, "$(touch hacked)"]
    assert not (tmp_path / "hacked").exists()


def test_a_megabyte_of_arguments_arrives(tmp_path: Path):
    """Through a pipe that holds far less."""
    asked = program(tmp_path, "print(len(json.load(sys.stdin)['args']['text']))")
    assert send(opened(tmp_path, asked), text="x" * 1_000_000).value == 1_000_000


def test_a_program_need_not_read_what_it_is_given(tmp_path: Path):
    """A pipe nobody reads does not hang the call."""
    asked = program(tmp_path, "print('{}')")
    assert send(opened(tmp_path, asked), text="x" * 1_000_000).value == {}


@pytest.mark.parametrize("code", [0, 1])
def test_a_declared_error_is_told_as_it_is(tmp_path: Path, code: int):
    """Whatever the exit code: it knows that nothing happened."""
    source = f'print(\'{{"error": "not_found", "message": "no o_1"}}\'); sys.exit({code})'
    assert error(send(opened(tmp_path, program(tmp_path, source)))) == ("not_found", "no o_1")


@pytest.mark.parametrize(
    "answer",
    [{"error": "none", "message": 1}, {"error": "late", "message": "x", "by": 2}, {"error": "x"}],
)
def test_only_the_two_fields_together_are_an_error(tmp_path: Path, answer: dict[str, Any]):
    """A record may have a field called `error`."""
    assert send(opened(tmp_path, program(tmp_path, f"print('{json.dumps(answer)}')"))).ok


def test_an_error_of_no_known_kind_is_internal(tmp_path: Path):
    """Nor can a tool forge what the runtime alone may say."""
    source = """print('{"error": "declined", "message": "by a person"}')"""
    assert error(send(opened(tmp_path, program(tmp_path, source)))) == (
        "internal",
        "declined: by a person",
    )


@pytest.mark.parametrize(
    ("effect", "kind"), [("none", "internal"), ("irreversible", "unavailable")]
)
def test_a_write_that_breaks_off_may_have_happened(tmp_path: Path, effect: str, kind: str):
    """A read that broke off did nothing; of a write nobody knows."""
    asked = program(tmp_path, "sys.exit('first\\nno such customer')", effect=effect)
    result = send(opened(tmp_path, asked))
    assert error(result) == (kind, "it ended with exit code 1: no such customer")
    assert result.sent


def test_what_a_program_says_of_its_failure_is_short_and_shows_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Its last line, without the values it was given and without the well-known shapes."""
    monkeypatch.setenv("CRM_TOKEN", "tok-4711-long")
    source = "sys.exit('bad ' + os.environ['CRM_TOKEN'] + ' sk-' + 'a' * 30 + ' x' * 200)"
    asked = program(tmp_path, source, live={"env": ["CRM_TOKEN"]})
    _, message = error(send(opened(tmp_path, asked)))
    assert message.startswith("it ended with exit code 1: bad [secret] [secret] x x")
    assert len(message) < 250


def test_half_a_secret_is_not_shown_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Where a long line is cut, the word that is cut is dropped."""
    monkeypatch.setenv("CRM_TOKEN", "tok-4711-long")
    source = "sys.exit(os.environ['CRM_TOKEN'] + ' ' + 'y' * 4085)"
    asked = program(tmp_path, source, live={"env": ["CRM_TOKEN"]})
    _, message = error(send(opened(tmp_path, asked)))
    assert message.startswith("it ended with exit code 1: yyy")


@pytest.mark.parametrize("answer", ["", "<html>", '{"a": NaN}', '{"a": 1, "a": 2}', "[1] [2]"])
def test_an_answer_that_is_no_plain_json_is_refused(tmp_path: Path, answer: str):
    """Nothing at all is no answer either: `null` is."""
    kind, message = error(send(opened(tmp_path, program(tmp_path, f"print({answer!r})"))))
    assert kind == "invalid_output"
    assert message.startswith("the answer is not JSON: ")
    assert send(opened(tmp_path, program(tmp_path, "print('null')"))) == ToolResult(None)


@linux
def test_an_answer_without_an_end_is_refused_and_not_kept(tmp_path: Path):
    """The program is killed at the size that the manifest allows."""
    source = """
        open('pid', 'w').write(str(os.getpid()))
        while True: sys.stdout.write(' ' * 1_000_000)
    """
    before, began = memory_kb(), time.monotonic()
    result = send(opened(tmp_path, program(tmp_path, source, live={"max_bytes": 100_000})))
    assert error(result) == ("invalid_output", "the answer is longer than 100000 bytes")
    assert time.monotonic() - began < 10
    assert memory_kb() - before < 20_000
    assert gone(int((tmp_path / "pid").read_text()))


@linux
def test_a_gigabyte_of_complaints_is_not_kept(tmp_path: Path):
    """Stderr is read to its end, so that nobody waits, and dropped."""
    source = "for _ in range(300): sys.stderr.write('x' * 1_000_000)\nprint(1)"
    before = memory_kb()
    assert send(opened(tmp_path, program(tmp_path, source))).value == 1
    assert memory_kb() - before < 20_000


@linux
def test_the_memory_cap_holds_and_says_so(tmp_path: Path):
    """Python says MemoryError; one that is killed is told with the cap."""
    source = "x = bytearray(200_000_000)\nprint(1)"
    result = send(opened(tmp_path, program(tmp_path, source, live={"memory_mb": 64})))
    assert error(result) == ("internal", "it ended with exit code 1: MemoryError")
    source = "os.abort()"
    result = send(opened(tmp_path, program(tmp_path, source, live={"memory_mb": 64})))
    assert error(result)[1] == "it was ended by SIGABRT; it may take 64 MB (`memory_mb`)"


@linux
def test_a_time_out_kills_the_children_of_the_children(tmp_path: Path):
    """Those that ignore a polite request, too; and the call counts as sent."""
    source = """
        import signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for _ in range(3): os.fork()
        with open('pids', 'a') as file: file.write(f'{os.getpid()}\\n')
        time.sleep(60)
    """
    began = time.monotonic()
    result = send(opened(tmp_path, program(tmp_path, source, live={"timeout_s": 0.7})))
    assert error(result) == ("timeout", "no answer within 0.7 s; it was ended")
    assert result.sent
    assert time.monotonic() - began < 5
    pids = (tmp_path / "pids").read_text().split()
    assert len(pids) == 8
    assert all(gone(int(pid)) for pid in pids)


@linux
def test_a_child_left_behind_neither_delays_the_answer_nor_survives_it(tmp_path: Path):
    """It holds the pipe open, and that changes nothing."""
    source = """
        child = os.fork()
        if not child: time.sleep(60)
        print(child)
    """
    began = time.monotonic()
    child = send(opened(tmp_path, program(tmp_path, source))).value
    assert time.monotonic() - began < 3
    assert gone(child)


@linux
def test_a_call_leaves_no_process_no_thread_and_no_open_file(tmp_path: Path):
    """However it ended."""
    sources = ["print(1)", "time.sleep(9)", "print(' ' * 999)", "sys.exit(3)"]
    backends = []
    for number, source in enumerate(sources):
        folder = tmp_path / str(number)
        folder.mkdir()
        limits = {"timeout_s": 0.3, "max_bytes": 100}
        backends.append(opened(folder, program(folder, source, live=limits)))
    send(backends[0])
    files, threads, processes = open_files(), set(threading.enumerate()), children()
    for backend in backends * 3:
        send(backend)
    # Those of other tests may end meanwhile.
    assert open_files() <= files
    assert set(threading.enumerate()) <= threads
    assert children() <= processes


@linux
def test_ctrl_c_kills_the_program(tmp_path: Path):
    """It is in a group of its own, so the terminal would not reach it."""
    asked = program(tmp_path, "open('pid', 'w').write(str(os.getpid())); time.sleep(60)")
    (tmp_path / "caller.py").write_text(
        "import sys, json\n"
        "from pathlib import Path\n"
        "from tests.toolbox.test_command_tools import opened, send\n"
        "send(opened(Path(sys.argv[1]), json.loads(sys.argv[2])))\n"
    )
    root = str(Path(__file__).parent.parent.parent)
    caller = subprocess.Popen(
        [sys.executable, str(tmp_path / "caller.py"), str(tmp_path), json.dumps(asked)],
        env={**os.environ, "PYTHONPATH": root},
        stderr=subprocess.PIPE,
    )
    pid = tmp_path / "pid"
    until(lambda: pid.exists() and pid.read_text() != "")
    caller.send_signal(signal.SIGINT)
    _, said = caller.communicate(timeout=10)
    assert b"KeyboardInterrupt" in said
    assert gone(int(pid.read_text()))


@linux
def test_closing_the_tools_kills_what_still_runs(tmp_path: Path):
    """Whichever thread waits for it."""
    asked = program(tmp_path, "open('started', 'w').close(); time.sleep(60)")
    backend = opened(tmp_path, asked)
    results: list[ToolResult] = []
    ask = BackendCall({}, PRINCIPAL, NOW)
    waiting = threading.Thread(
        target=lambda: results.append(backend.send("look_up", ask, None)), daemon=True
    )
    waiting.start()
    until((tmp_path / "started").exists)
    backend.close()
    waiting.join(5)
    assert error(results[0])[1].startswith("it was ended by SIGKILL")


@linux
def test_a_program_ends_by_itself_when_nobody_is_left_to_end_it(tmp_path: Path):
    """It is given an alarm clock of its time-out and five seconds more."""
    source = "import signal; print(signal.alarm(0))"
    asked = program(tmp_path, source, live={"timeout_s": 20})
    assert 23 <= send(opened(tmp_path, asked)).value <= 25


@pytest.mark.parametrize(
    ("key", "hint", "safe"),
    [(True, True, True), (True, False, False), (True, None, False), (False, True, False)],
)
def test_a_program_recognises_keys_only_where_its_manifest_promises_it(
    tmp_path: Path, key: bool, hint: bool | None, safe: bool
):
    """Sending a write twice takes a key and the promise that it is recognised."""
    more: dict[str, Any] = {"effect": "irreversible"}
    more |= {"idempotency": {"key": []}} if key else {}
    more |= {} if hint is None else {"annotations": {"idempotentHint": hint}}
    assert opened(tmp_path, program(tmp_path, "", **more)).idempotent("look_up") is safe


def children() -> set[int]:
    """Return the processes of this one, those included that have ended and were not reaped."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            _, _, rest = stat.read_text().rpartition(") ")
            if int(rest.split()[1]) == os.getpid():
                found.add(int(stat.parent.name))
    return found


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def memory_kb() -> int:
    line = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line
    )
    return int(line.split()[1])
