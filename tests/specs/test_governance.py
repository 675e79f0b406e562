"""`agentctl check` holds a project to least privilege, with every agent that shares a policy."""

import json

import pytest

from agentctl.cli.program import run_cli
from agentctl.core.exits import ExitCode
from agentctl.specs.language.expressions import Expression
from tests.support.project import AGENT, POLICY, TOOLS, make, passing

RISKY = TOOLS.replace("    accept_risk: An order can be placed again.\n", "") + (
    "    idempotency: {key: [order_id]}\n"
)
"""The manifest of the test project, with nothing said about why its risk is taken."""
ASKS = POLICY.replace("allow: [cancel_order]", "ask: [cancel_order]")


@pytest.fixture
def root(tmp_path, monkeypatch):
    make(tmp_path, [passing("one")])
    (tmp_path / "agents" / "order-desk.yaml").write_text(AGENT + "owner: team\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def errors(capsys) -> list[tuple[str, str]]:
    """Check the project; return code and message of each error."""
    code = run_cli(["check", "--format", "json"])
    found = json.loads(capsys.readouterr().out)["diagnostics"]
    told = [(one["code"], one["message"]) for one in found if one["severity"] == "error"]
    assert code == (ExitCode.NO if told else ExitCode.OK)
    return told


def codes(capsys) -> list[str]:
    return [code for code, _ in errors(capsys)]


@pytest.mark.parametrize(
    ("people", "by", "told"),
    [
        ("", "", "agentctl.yaml names no people"),
        ("people: {}\n", "by: desk, ", "agentctl.yaml names no people"),
        ("people: {ana: {queues: [other]}}\n", "", "no person serves the queue `desk`"),
        ("people: {ana: {queues: [desk]}}\n", "", None),
        ("people: {ana: {queues: [desk]}}\n", "by: desk, ", None),
    ],
)
def test_a_question_needs_somebody_who_can_answer_it(root, capsys, people, by, told):
    """A rule that asks names a queue, or the agent's is asked; somebody must serve it."""
    rule = f"  - {{id: writes, {by}ask: [cancel_order]}}\n"
    policy = POLICY.replace("  - {id: writes, allow: [cancel_order]}\n", rule)
    (root / "agents" / "policy.yaml").write_text(policy)
    (root / "agentctl.yaml").write_text("kind: Project\n" + people)
    found = errors(capsys)
    want = f"nobody can approve what rule `writes` asks: {told}"
    assert found == ([("nobody-approves", want)] if told else [])


def test_an_agent_without_a_queue_may_be_answered_by_anybody(root, capsys):
    """Where neither rule nor agent names a queue, one person in the project is enough."""
    agent = (AGENT + "owner: team\n").replace("escalation: {queue: desk}\n", "")
    (root / "agents" / "order-desk.yaml").write_text(agent)
    (root / "agents" / "policy.yaml").write_text(ASKS)
    assert codes(capsys) == ["nobody-approves"]
    (root / "agentctl.yaml").write_text("kind: Project\npeople: {ana: {}}\n")
    assert errors(capsys) == []


def test_taint_asks_and_needs_somebody_too(root, capsys):
    """An agent that reads strangers' text and acts outside asks, though no rule says so."""
    (root / "tools" / "orders.yaml").write_text(
        TOOLS.replace(
            "    mock: {get: orders}\n", "    mock: {get: orders}\n    trust: untrusted\n"
        )
    )
    assert errors(capsys) == [
        (
            "nobody-approves",
            "`cancel_order` asks once `get_order` was read, and nobody can approve: "
            "agentctl.yaml names no people",
        )
    ]
    (root / "agents" / "policy.yaml").write_text(POLICY + "taint: ignore\n")
    assert errors(capsys) == []


@pytest.mark.parametrize(
    ("rules", "guarded"),
    [
        ("{id: w, allow: [cancel_order]}", False),
        ("{id: w, allow: ['*_order']}", False),
        ("{id: w, allow: [cancel_order], when: 1 == 1}", False),
        ("{id: w, allow: [cancel_order]}, {id: d, deny: [cancel_order], when: 'false'}", False),
        ("{id: w, ask: [cancel_order]}", True),
        ("{id: w, allow: [cancel_order], args: {order_id: o_1}}", True),
        ("{id: w, allow: [cancel_order], when: args.order_id == 'o_1'}", True),
        ("{id: w, allow: [cancel_order]}, {id: a, ask: [cancel_order], args: {order_id: x}}", True),
        ("{id: w, deny: [cancel_order]}", True),
    ],
)
def test_what_is_hard_to_take_back_needs_a_person_or_a_condition(root, capsys, rules, guarded):
    """A condition that never looks at the call is none."""
    (root / "tools" / "orders.yaml").write_text(RISKY)
    (root / "agentctl.yaml").write_text("kind: Project\npeople: {ana: {queues: [desk]}}\n")
    head = POLICY.split("rules:")[0]
    text = f"{head}rules: [{{id: reads, allow: {{effects: [none]}}}}, {rules}]\n"
    (root / "agents" / "policy.yaml").write_text(text)
    message = "rule `w` allows every call of `cancel_order`, which cancels"
    assert errors(capsys) == ([] if guarded else [("unguarded-risk", message)])


def test_a_draft_is_a_guard(root, capsys):
    """What is only saved as a draft is not done."""
    text = (
        RISKY
        + "    draft: save_draft\n"
        + (
            "  - {name: save_draft, description: Save it., effect: internal_write,\n"
            "     idempotency: {key: [order_id]}, inputSchema: {type: object,\n"
            "     properties: {order_id: {type: string}}}, mock: {replies: []}}\n"
        )
    )
    (root / "tools" / "orders.yaml").write_text(text)
    agent = (AGENT + "owner: team\n").replace("cancel_order]", "cancel_order, save_draft]")
    (root / "agents" / "order-desk.yaml").write_text(agent)
    policy = POLICY.replace("allow: [cancel_order]", "draft: [cancel_order]")
    (root / "agents" / "policy.yaml").write_text(policy + "  - {id: save, allow: [save_draft]}\n")
    assert errors(capsys) == []


def test_a_wildcard_that_covers_a_new_tool_is_told(root, capsys):
    """A rule written for harmless tools does not silently take in a tool that moves money."""
    (root / "agents" / "policy.yaml").write_text(
        POLICY.replace("allow: [cancel_order]", 'allow: ["*_order"]')
    )
    assert errors(capsys) == []
    new = (
        "  - {name: refund_order, description: Give the money back., effect: irreversible,\n"
        "     risk: [moves_money], idempotency: {key: [order_id]}, mock: {replies: []},\n"
        "     inputSchema: {type: object, properties: {order_id: {type: string}}}}\n"
    )
    (root / "tools" / "orders.yaml").write_text(TOOLS + new)
    agent = (AGENT + "owner: team\n").replace("cancel_order]", "cancel_order, refund_order]")
    (root / "agents" / "order-desk.yaml").write_text(agent)
    assert errors(capsys) == [
        (
            "unguarded-risk",
            "rule `writes` allows every call of `refund_order`, which moves money",
        )
    ]


def test_a_rule_may_serve_another_agent_of_the_same_policy(root, capsys):
    """A rule is dead only where no agent that works under the policy holds its tools."""
    more = (
        "tools:\n  - {name: ship, description: Ship it., effect: external_write,\n"
        "     accept_risk: a test, mock: {replies: []}}\n"
    )
    (root / "tools" / "more.yaml").write_text(more)
    (root / "agents" / "policy.yaml").write_text(POLICY + "  - {id: ships, allow: [ship]}\n")
    dead = "rule `ships` matches no tool of an agent that uses this policy"
    assert errors(capsys) == [("empty-rule", dead)]
    second = AGENT.replace("name: order-desk", "name: shipper").replace(
        "tools: [get_order, cancel_order]", "tools: [ship]"
    )
    (root / "agents" / "shipper.yaml").write_text(second + "owner: team\n")
    assert errors(capsys) == []


def test_one_rule_is_not_told_once_for_each_agent(root, capsys):
    """Two agents under one policy get one message about one rule."""
    (root / "agents" / "policy.yaml").write_text(ASKS)
    second = AGENT.replace("name: order-desk", "name: second")
    (root / "agents" / "second.yaml").write_text(second + "owner: team\n")
    assert codes(capsys) == ["nobody-approves"]


def test_names_with_cyrillic_letters_are_refused_wherever_a_rule_could_name_them(root, capsys):
    """Tool, rule, role, agent, argument and person: each is told with the letter it holds."""
    letter = "\u0430"  # looks like a
    agents = root / "agents"
    for file, old, new in (
        ("tools/orders.yaml", "name: cancel_order", f"name: c{letter}ncel_order"),
        ("agents/policy.yaml", "id: reads", f"id: re{letter}ds"),
        ("agents/policy.yaml", "{customer:", f"{{customer{letter}:"),
        ("agents/order-desk.yaml", "name: order-desk", f"name: order-desk{letter}"),
        ("tools/orders.yaml", "properties: {order_id:", f"properties: {{order{letter}_id:"),
    ):
        before = (root / file).read_text()
        (root / file).write_text(before.replace(old, new, 1))
        assert codes(capsys), (file, new)
        (root / file).write_text(before)
        assert errors(capsys) == []
    assert agents.is_dir()
    (root / "agentctl.yaml").write_text(f"kind: Project\npeople: {{d{letter}na: {{}}}}\n")
    assert errors(capsys) == [
        ("not-ascii", f"the person `d{letter}na` holds U+0430, which is not plain ASCII")
    ]


def test_a_constant_condition_names_nothing():
    """What the check of conditions rests on: a constant refers to no variable."""
    assert not Expression("1 == 1").roots
    assert Expression("args.x == 1").roots == {"args"}


def test_a_manifest_outside_the_folder_for_tools_is_held_to_the_same(root, capsys):
    """An agent that names its manifests does not get around the check."""
    (root / "tools" / "orders.yaml").rename(root / "elsewhere.yaml")
    (root / "elsewhere.yaml").write_text(RISKY.replace("    risk: [cancels]\n", ""))
    agent = AGENT + "owner: team\nmanifests: [../elsewhere.yaml]\n"
    (root / "agents" / "order-desk.yaml").write_text(agent)
    assert codes(capsys) == ["undeclared-risk"]
