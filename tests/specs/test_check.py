"""`agentctl check`: exit codes, formats, warnings, JSON Schemas."""

import json
import subprocess
import sys

import jsonschema_rs
import pytest

from agentctl.cli.program import run_cli
from agentctl.core.exits import ExitCode
from agentctl.specs.reading.yaml import read_yaml
from agentctl.specs.shapes.kinds import KINDS
from tests.specs.test_load import EXAMPLES
from tests.support.project import AGENT, TOOLS, make, passing

OWNED = AGENT + "owner: team\n"


@pytest.fixture
def root(tmp_path, monkeypatch):
    make(tmp_path, [passing("one")])
    (tmp_path / "agents" / "order-desk.yaml").write_text(OWNED)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(capsys, *arguments: str) -> tuple[int, str, str]:
    code = run_cli(["check", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def warnings(capsys) -> list[str]:
    """Check the project; return the codes of its warnings."""
    code, out, _ = check(capsys, "--format", "json")
    found = json.loads(out)["diagnostics"]
    assert code == ExitCode.OK, out
    assert {one["severity"] for one in found} <= {"warning"}
    return [one["code"] for one in found]


def test_a_sound_project_says_what_was_checked(root, capsys):
    """The last line counts the files and names the next command."""
    code, out, err = check(capsys)
    assert (code, err) == (ExitCode.OK, "")
    assert out == (
        "1 agent, 1 policy, 1 manifest, 1 golden set, 1 world: no problems. Next: agentctl eval\n"
    )


def test_problems_of_all_files_come_in_one_go(root, capsys):
    """A broken manifest does not hide a broken policy."""
    (root / "agents" / "policy.yaml").write_text("kind: Policy\nrols: {}\n")
    (root / "tools" / "orders.yaml").write_text(TOOLS.replace("effect: none", "effect: nil"))
    code, out, _ = check(capsys)
    assert code == ExitCode.NO
    assert "unknown field `rols`" in out
    assert "`effect` should be one of none" in out


def test_formats(root, capsys):
    """JSON says the same as text, with a version; JSON Lines has one problem a line."""
    (root / "agents" / "policy.yaml").write_text("kind: Policy\nrols: {}\n")
    code, out, _ = check(capsys, "--format", "json", "agents/policy.yaml")
    made = json.loads(out)
    assert (code, made["ok"], made["schema_version"]) == (ExitCode.NO, False, "1")
    _, lines, _ = check(capsys, "--format", "jsonl", "agents/policy.yaml")
    assert [json.loads(line) for line in lines.splitlines()] == made["diagnostics"]
    assert {one["file"] for one in made["diagnostics"]} == {"agents/policy.yaml"}


@pytest.mark.parametrize(
    "arguments", [["nowhere.yaml"], ["--schema", "Agnet"], ["--format", "xml"]], ids=" ".join
)
def test_a_wrong_request_is_told_from_a_wrong_file(root, capsys, arguments):
    """What cannot be checked at all ends with 2, and stdout stays empty."""
    code, out, err = check(capsys, *arguments)
    assert (code, out) == (ExitCode.USAGE, "")
    assert err


def test_an_empty_folder_is_no_success(tmp_path, monkeypatch, capsys):
    """Where there is nothing to check, nothing was checked."""
    monkeypatch.chdir(tmp_path)
    assert check(capsys)[0] == ExitCode.USAGE


def test_a_mega_tool_is_warned_about(root, capsys):
    """More than eight arguments, or two verbs, work and will hurt."""
    many = ", ".join(f"a{n}: {{type: string}}" for n in range(9))
    (root / "tools" / "more.yaml").write_text(
        "tools:\n"
        "  - {name: create_or_update_order, description: Both., effect: internal_write,\n"
        "     accept_risk: a test, mock: {replies: []}}\n"
        "  - name: big\n    description: Much.\n    effect: none\n    mock: {replies: []}\n"
        f"    inputSchema: {{type: object, properties: {{{many}}}}}\n"
    )
    assert warnings(capsys) == ["mega-tool", "mega-tool"]


def test_what_is_read_and_not_acted_on_is_warned_about(root, capsys):
    """Nobody believes that a field works which this version ignores."""
    (root / "agents" / "order-desk.yaml").write_text(
        OWNED + "memory: {short_term: {turns: 3}}\ntriggers: [{kind: message}]\n"
    )
    assert warnings(capsys) == ["not-acted-on", "not-acted-on"]


def test_a_condition_that_means_nothing_is_warned_about(root, capsys):
    """A condition on what another rule allows the same calls protects nobody."""
    policy = root / "agents" / "policy.yaml"
    rule = "  - {id: small, allow: [cancel_order], when: args.order_id == principal.id}\n"
    before, writes, after = policy.read_text().partition("  - {id: writes")
    policy.write_text(before + rule + writes + after)
    assert warnings(capsys) == ["idle-condition"]


def test_missing_owner_mock_and_turns_are_warned_about(root, capsys):
    """An agent nobody answers for, a tool no scenario can use, a scenario that replays nothing."""
    (root / "agents" / "order-desk.yaml").write_text(AGENT)
    (root / "tools" / "more.yaml").write_text(
        "tools:\n  - {name: ship, description: Ship it., effect: external_write,\n"
        "     accept_risk: a test}\n"
    )
    case = passing("one")
    del case["turns"]
    make(root, [case])
    assert sorted(warnings(capsys)) == ["no-mock", "no-owner", "no-turns"]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_schema_is_printed_for_every_kind(root, capsys, kind):
    """`--schema KIND` prints a valid JSON Schema 2020-12."""
    code, out, _ = check(capsys, "--schema", kind)
    assert code == ExitCode.OK
    jsonschema_rs.Draft202012Validator(json.loads(out), offline=True)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_printed_schema_accepts_what_check_accepts(root, capsys, path):
    """An editor that follows the schema does not complain about short forms."""
    data = read_yaml(path, path.name).data
    _, out, _ = check(capsys, "--schema", data["kind"])
    schema = jsonschema_rs.Draft202012Validator(json.loads(out), offline=True)
    assert [error.message for error in schema.iter_errors(data)] == []


def test_a_hostile_manifest_is_told_not_thrown(root, capsys):
    """Properties that are no mapping are a problem of the schema, not a crash."""
    (root / "tools" / "more.yaml").write_text(
        "tools:\n  - {name: odd, description: Odd., effect: none, mock: {replies: []},\n"
        "     bind: {x: principal.id}, inputSchema: {type: object, properties: 5}}\n"
    )
    code, out, err = check(capsys)
    assert (code, err) == (ExitCode.NO, "")
    assert "error[bad-schema]" in out


def test_a_closed_pipe_is_no_error(root):
    """`agentctl check | head -0` ends without a traceback."""
    command = f"{sys.executable} -m agentctl check | head -c 0"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=root)  # noqa: S602
    assert done.stderr == ""


def test_a_stray_key_in_free_json_is_warned_about(root, capsys):
    """An unquoted comma makes a key of the rest of the text; where any may stand, it is told."""
    world = root / "golden_sets" / "worlds" / "shop.yaml"
    world.write_text(world.read_text() + "    o_3: {customer_id: cus_7, note: late, please}\n")
    code, out, _ = check(capsys)
    assert code == ExitCode.OK
    assert out.startswith(
        "warning[bare-key]: the key `please` has no value\n --> golden_sets/worlds/shop.yaml:6:43\n"
    )
    assert "put the text in quotes" in out
    world.write_text(world.read_text().replace("late, please", '"late, please", odd: null'))
    assert warnings(capsys) == []
    who = {"principal": {"id": "cus_7", "attributes": {}}}
    make(root, [passing("one")], defaults=who)
    (root / "agents" / "order-desk.yaml").write_text(OWNED)
    sets = root / "golden_sets" / "orders.yaml"
    sets.write_text(sets.read_text().replace('"attributes": {}', '"attributes": {a: b, c}'))
    assert warnings(capsys) == ["bare-key"]


def test_a_tool_that_shows_what_another_one_filters_is_warned_about(root, capsys):
    """Whose records they are is no use where a second tool shows them all."""
    tool = "  - {{name: export, description: Export it., effect: none, mock: {{find: orders}}{}}}\n"
    (root / "tools" / "orders.yaml").write_text(TOOLS + tool.format(""))
    assert warnings(capsys) == ["unfiltered-records"]
    mine = ", records: {table: orders}, visible_when: record.customer_id == principal.id"
    (root / "tools" / "orders.yaml").write_text(TOOLS + tool.format(mine))
    assert warnings(capsys) == []
