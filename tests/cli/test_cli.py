"""The command line as a new user meets it: wrong words, closed pipes, Ctrl-C, no terminal."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agentctl.traces.audit.verify import verify_file
from tests.support.command import (
    ROOT,
    Done,
    Screen,
    agentctl,
    command,
    copy_shipped,
    environment,
)
from tests.support.loopback import Loopback, calls, says


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what ships."""
    return copy_shipped(tmp_path_factory.mktemp("shop"))


def said(done: Done) -> str:
    assert "Traceback" not in done.stdout + done.stderr
    return done.stderr


def test_the_version_is_printed():
    """`--version` answers with the version."""
    done = subprocess.run(command("--version"), capture_output=True, text=True, check=True)
    assert done.stdout.startswith("agentctl 0.")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["evall"], "Did you mean 'eval'?"),
        (["eval", "--job", "2"], "--jobs"),
        (["eval", "order-suport"], "did you mean `order-support`?"),
        (["run", "order-suport", "x"], "did you mean `order-support`?"),
        (["run"], "name the agent to run"),
        (["run", "order-support"], "the task is missing"),
        (["run", "order-support", "hi", "--as", "clerk:1"], "no role `clerk`"),
        (["run", "order-support", "hi", "--live"], "whom they act for"),
        (["run", "order-support", "hi", "--live", "--as", "customer:c1"], "has no live side"),
        (["run", "--scenario", "order-support:angry-customer", "--live"], "never played against"),
        (["run", "--scenario", "order-support:cancel-lst-order"], "did you mean `cancel-last"),
        (["run", "--scenario", "order-support"], "write SET:ID, such as order-support:"),
        (
            ["run", "support-triage", "--scenario", "order-support:cancel-last-order"],
            "is for agent",
        ),
        (["run", "order-support", "--event", "nothing.json"], "cannot read nothing.json"),
        (["eval", "--select", "no-such-case"], "no scenario of"),
        (["eval", "order-support", "--table", "out.xyz"], ".csv"),
        (["check", "--schema", "Agnt"], "did you mean `Agent`?"),
        (["check", "nothing.yaml"], "no such file: nothing.yaml"),
        (["trace", "show", "nothing"], "no run `nothing`"),
        (["trace", "show", "order-support/cancel-last-order"], "are kept"),
        (["trace", "verify"], "no traces to verify"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_request_is_told_with_the_way_out(shop: Path, words: list[str], hint: str):
    """What cannot work exits with 2, says what is wrong on stderr and nothing on stdout."""
    done = agentctl(shop, *words)
    assert hint in said(done)
    assert (done.returncode, done.stdout) == (2, "")


def test_an_empty_folder_is_told_how_to_start(tmp_path: Path):
    """Every command says what to do where there is nothing."""
    for words in (["check"], ["eval"]):
        done = agentctl(tmp_path, *words)
        assert done.returncode == 2
        assert "agentctl init DIR" in said(done)


def test_a_new_project_passes_at_once(tmp_path: Path):
    """`init`, `check`, `eval`: three commands from nothing to green."""
    assert agentctl(tmp_path, "init", "desk").returncode == 0
    desk = tmp_path / "desk"
    checked = agentctl(desk, "check")
    assert (checked.returncode, said(checked)) == (0, "")
    assert "no problems" in checked.stdout
    evaluated = agentctl(desk, "eval")
    assert evaluated.returncode == 0
    assert "\npassed: 5 of 5 scenarios" in evaluated.stdout
    assert (desk / ".gitignore").read_text().splitlines()[-1] == ".agentctl/"
    again = agentctl(tmp_path, "init", "desk")
    assert again.returncode == 2
    assert "nothing was written" in said(again)


def test_a_scenario_plays_as_a_run_without_a_key(shop: Path):
    """The answer alone on stdout, the steps on stderr, a trace that verifies."""
    done = agentctl(shop, "run", "--scenario", "order-support:cancel-last-order")
    assert done.returncode == 0
    assert done.stdout.count("\n") == 1
    assert "act      allow cancel_order" in said(done)
    (trace,) = (shop / ".agentctl" / "traces").glob("*.jsonl")
    assert [check.tampering for check in verify_file(trace)] == [None]
    shutil.rmtree(shop / ".agentctl")


def test_the_json_of_a_run_holds_what_a_machine_needs(shop: Path):
    """Answer, calls with decisions and rule ids, cost, stop reason, next action, trace."""
    words = ["run", "--scenario", "order-support:cancel-last-order", "--format", "json", "-q"]
    result = json.loads(agentctl(shop, *words).stdout)
    assert result["schema_version"] == "1"
    assert result["stop"] == "answered"
    assert result["next_safe_action"] == "nothing: the request is answered"
    cancel = next(call for call in result["calls"] if call["tool"] == "cancel_order")
    assert cancel["decision"]["rules"] == ["cancel"]
    assert cancel["ok"]
    assert result["cost"]["status"] == "declared"
    assert Path(shop / result["trace"]).is_file()


def test_no_key_says_what_to_do_next(shop: Path):
    """Without a key the error names the variable and the way without one."""
    done = agentctl(shop, "run", "order-support", "cancel my order")
    assert done.returncode == 2
    assert "OPENAI_API_KEY" in said(done)
    assert "--scenario SET:ID" in done.stderr


def test_two_replays_are_equal_and_a_changed_byte_is_found(shop: Path):
    """`trace diff` is empty for two replays; `trace verify` names a changed event."""
    folder = shop / ".agentctl" / "traces"
    shutil.rmtree(folder.parent, ignore_errors=True)
    for _ in range(2):
        agentctl(shop, "run", "--scenario", "order-support:cancel-last-order", "-q")
    listed = agentctl(shop, "trace", "list", "--format", "jsonl").stdout.splitlines()
    one, two = (json.loads(line)["run"] for line in listed)
    same = agentctl(shop, "trace", "diff", one, two)
    assert (same.returncode, same.stdout) == (0, "")
    assert agentctl(shop, "trace", "verify").returncode == 0
    path = folder / f"{one}.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    lines[3] = lines[3].replace('"verdict":"allow"', '"verdict":"a11ow"')
    path.write_text("".join(lines))
    found = agentctl(shop, "trace", "verify", one)
    assert found.returncode == 1
    assert "event 3, its content was changed" in found.stdout


def test_a_reader_that_leaves_early_is_no_error():
    """`| head -1` ends quietly, with the exit code of the command."""
    line = f"{sys.executable} -m agentctl check --schema GoldenSet"
    done = subprocess.run(
        ["bash", "-c", f"{line} | head -1; exit $PIPESTATUS"],
        cwd=ROOT, env=environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "{\n", "")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-"])
def test_a_closed_stream_leaves_the_exit_code(shop: Path, closed: str):
    """Whoever wants to see nothing still learns how it went."""
    line = f"{sys.executable} -m agentctl eval order-support --select cancel-last-order {closed}"
    done = subprocess.run(
        ["sh", "-c", line], cwd=shop, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "error[" not in done.stderr


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Path]:
    """A project whose model is a loopback server that wants to renew a loan a third time."""
    agentctl(tmp_path, "init", "desk")
    agent = tmp_path / "desk" / "agents" / "library-desk.yaml"
    with Loopback() as server:
        server.script(
            calls(("list_loans", "{}")),
            calls(("renew_loan", '{"loan_id": "l_4"}')),
            says("Renewed."),
        )
        text = agent.read_text()
        url = f"  base_url: {server.base_url}\n  price:"
        agent.write_text(text.replace("  price:", url, 1))
        yield tmp_path / "desk"


TASK = ["run", "library-desk", "Renew The Long Map."]
ROBIN = ["--approver", "robin"]


def test_a_person_at_the_terminal_approves_what_will_happen(desk: Path):
    """The call is shown with its arguments, where they came from and why; yes lets it run."""
    screen = Screen(desk, *TASK, *ROBIN)
    screen.wait_for("approve? [y]es, [n]o, [m]odify: ")
    assert "approval needed: renew_loan" in screen.text
    assert 'loan_id = "l_4"  (from tool result' in screen.text
    assert "a third renewal needs the front desk" in screen.text
    screen.type("y")
    screen.wait_for("Renewed.")
    assert screen.end() == 0
    shown = agentctl(desk, "trace", "show", "latest").stdout
    assert "approve by robin" in shown
    assert "effect of renew_loan succeeded" in shown


def test_no_at_the_terminal_is_no(desk: Path):
    """The call does not run, and the model is told."""
    screen = Screen(desk, *TASK, *ROBIN)
    screen.wait_for("approve? ")
    screen.type("n")
    screen.wait_for("reason")
    screen.type("not today")
    assert screen.end() == 0
    shown = agentctl(desk, "trace", "show", "latest", "--full").stdout
    assert "declined by a person; do not retry: not today" in shown
    assert "effect of renew_loan" not in shown


def test_who_may_not_approve_is_not_asked_at_the_terminal(desk: Path):
    """A stranger is told who may; the call waits in the inbox."""
    screen = Screen(desk, *TASK, "--approver", "mallory")
    assert screen.end() == 4
    assert "error[unknown-approver]" in screen.text
    assert "people who may: robin" in screen.text
    assert "approve? " not in screen.text
    assert "renew_loan" in agentctl(desk, "inbox", "list").stdout


@pytest.mark.parametrize("key", ["?", "", "maybe", "nope"])
def test_an_unclear_key_asks_again(desk: Path, key: str):
    """Only `n` rejects: anything else that is no answer explains the keys and asks again."""
    screen = Screen(desk, *TASK, *ROBIN)
    screen.wait_for("approve? ")
    screen.type(key)
    screen.wait_for("n rejects it")
    screen.type("y")
    screen.wait_for("Renewed.")
    assert screen.end() == 0
    assert "approve by robin" in agentctl(desk, "trace", "show", "latest").stdout


def test_a_modification_that_cannot_be_read_asks_again(desk: Path):
    """Other arguments that are no JSON object are named, and the call is still to be decided."""
    screen = Screen(desk, *TASK, *ROBIN)
    screen.wait_for("approve? ")
    for text in ("[1]", "{loan_id: l_4}"):
        screen.type("m")
        screen.wait_for("arguments as JSON")
        screen.text = ""
        screen.type(text)
        screen.wait_for("rejected: ")
        screen.wait_for("approve? ")
    screen.type("n")
    screen.wait_for("reason")
    screen.type("")
    assert screen.end() == 0
    assert "reject by robin" in agentctl(desk, "trace", "show", "latest").stdout


def test_what_nobody_answers_at_the_terminal_waits_in_the_inbox(desk: Path):
    """Ctrl-D at the prompt is no answer: the run pauses, and goes on once somebody approved."""
    screen = Screen(desk, *TASK, *ROBIN)
    screen.wait_for("approve? ")
    os.write(screen.fd, b"\x04")
    assert screen.end() == 4
    assert "Next: agentctl inbox list" in screen.text
    assert agentctl(desk, "inbox", "approve", "1", "--as", "robin").returncode == 0
    assert agentctl(desk, "resume", "latest").stdout == "Renewed.\n"


def test_a_run_that_may_not_wait_ends(desk: Path):
    """With `--approvals terminal` and no terminal, the run is over and the inbox empty."""
    assert agentctl(desk, *TASK, "--approvals", "terminal").returncode == 4
    assert agentctl(desk, "inbox", "list").returncode == 0


def test_without_a_terminal_an_approval_waits_in_the_inbox(desk: Path):
    """Exit code 4, with what is pending; nothing has happened, and `inbox list` shows it."""
    done = agentctl(desk, *TASK, "--format", "json")
    assert done.returncode == 4
    result = json.loads(done.stdout)
    assert result["stop"] == "waiting_approval"
    assert [pending["tool"] for pending in result["pending"]] == ["renew_loan"]
    assert result["next_safe_action"].startswith("approve or reject `renew_loan`")
    assert "waiting for front-desk: renew_loan" in said(done)
    listed = agentctl(desk, "inbox", "list")
    assert (listed.returncode, "renew_loan" in listed.stdout) == (4, True)


def test_ctrl_c_in_a_run_keeps_what_was_done(desk: Path):
    """Exit code 130, no traceback, and the trace says interrupted."""
    screen = Screen(desk, *TASK, *ROBIN)
    screen.wait_for("approve? ")
    os.write(screen.fd, b"\x03")
    assert screen.end() == 130
    assert "Traceback" not in screen.text
    shown = agentctl(desk, "trace", "show", "latest").stdout
    assert "ended: interrupted" in shown
    assert agentctl(desk, "trace", "verify").returncode == 0


def test_the_first_case_of_ones_own_is_green(tmp_path: Path):
    """The tutorial's case, whose turns say no usage, passes in the project that `init` writes."""
    assert agentctl(tmp_path, "init", "desk").returncode == 0
    page = (ROOT / "docs/tutorial.md").read_text()
    (case,) = re.findall(r"```yaml\n(  - id: .*?)```", page, re.S)
    golden_set = tmp_path / "desk/golden_sets/library-desk.yaml"
    golden_set.write_text(golden_set.read_text() + "\n" + case)
    done = agentctl(tmp_path / "desk", "eval")
    assert done.returncode == 0, done.stdout
    assert "\npassed: 6 of 6 scenarios" in done.stdout
    assert "cost_vs_human at most 1, is ~" in done.stdout
