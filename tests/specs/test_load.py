"""Projects, names, golden sets: what is found, how scenarios are filled in, what is refused."""

import json
from pathlib import Path

import pytest

from agentctl.core.errors import Problem
from agentctl.specs.loading.project import Project
from agentctl.specs.reading.decode import decode
from agentctl.specs.reading.scenarios import expand
from agentctl.specs.reading.yaml import parse_yaml, read_yaml
from agentctl.specs.shapes.golden import GoldenSet, Scenario
from agentctl.specs.shapes.kinds import KINDS
from tests.support.project import make, passing

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("*.yaml"))


@pytest.fixture
def root(tmp_path, monkeypatch):
    make(tmp_path, [passing("one"), passing("two")])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def codes(work) -> list[str]:
    with pytest.raises(Problem) as caught:
        work()
    return [diagnostic.code for diagnostic in caught.value.diagnostics]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_shapes_of_the_design_are_read(path):
    """Every file shape that was agreed on is a valid file of its kind."""
    source = read_yaml(path, path.name)
    model = KINDS[source.data["kind"]]
    made = decode(model, source.data, source)
    if isinstance(made, GoldenSet):
        for index, raw in enumerate(source.data["scenarios"]):
            at = ("scenarios", index)
            decode(Scenario, expand(made, raw, source, at), source, at)


def test_a_project_is_found_from_below(root):
    """The nearest parent with `agents/` is the root; one with `agentctl.yaml` goes before."""
    below = root / "golden_sets" / "worlds"
    assert Project.find(below).root == root
    (root / "golden_sets" / "agentctl.yaml").write_text("kind: Project\n")
    assert Project.find(below).root == root / "golden_sets"


def test_names_and_paths_mean_the_same(root, monkeypatch):
    """An agent and a set can be named, or pointed at, from anywhere."""
    by_name = Project.find(root).agent("order-desk")
    monkeypatch.chdir(root / "agents")
    project = Project.find(Path.cwd())
    assert project.agent("order-desk.yaml").fingerprints == by_name.fingerprints
    assert project.golden_set("orders").ids() == ["one", "two"]
    assert project.golden_set("../golden_sets/orders.yaml").name == "orders"


def test_a_policy_or_a_world_may_have_the_name_of_its_agent_or_set(root):
    """What says that it is something else does not stand in the way of a name."""
    (root / "agents" / "policies").mkdir()
    (root / "agents" / "policies" / "order-desk.yaml").write_text("kind: Policy\n")
    (root / "golden_sets" / "worlds" / "orders.yaml").write_text("kind: World\ntables: {}\n")
    project = Project.find(root)
    assert project.agent("order-desk").agent.name == "order-desk"
    assert len(project.golden_set("orders")) == 2


def test_two_files_of_one_name_are_both_named(root):
    """An ambiguous name is an error that says which files it could mean."""
    (root / "agents" / "old").mkdir()
    (root / "agents" / "old" / "order-desk.yaml").write_text("kind: Agent\n")
    with pytest.raises(Problem, match=r"agents/old/order-desk.yaml and agents/order-desk.yaml"):
        Project.find(root).agent("order-desk")


def test_an_unknown_name_is_answered_with_the_closest(root):
    """A typo in a name on the command line gets the name that was meant."""
    with pytest.raises(Problem, match="did you mean `order-desk`"):
        Project.find(root).agent("order-dsk")
    with pytest.raises(Problem, match="did you mean `one`"):
        Project.find(root).golden_set("orders").find("onee")


def test_a_tool_in_two_manifests_is_refused(root):
    """Which of two definitions would run is never a matter of luck."""
    tools = root / "tools" / "orders.yaml"
    (root / "tools" / "more.yaml").write_text(tools.read_text())
    assert "two-tools" in codes(lambda: Project.find(root).agent("order-desk"))


def test_a_policy_may_serve_several_agents(root):
    """A rule about a tool that only another agent has is no mistake."""
    (root / "tools" / "more.yaml").write_text(
        "tools:\n  - {name: ship, description: Ship it., effect: external_write}\n"
    )
    policy = root / "agents" / "policy.yaml"
    policy.write_text(policy.read_text() + "  - {id: ship, allow: [ship]}\n")
    Project.find(root).agent("order-desk")
    policy.write_text(policy.read_text() + "  - {id: shop, allow: [shop]}\n")
    assert codes(lambda: Project.find(root).agent("order-desk")) == ["unknown-tool"]


ESCALATES = """\
tools:
  - name: transfer
    description: Pass the case to a person.
    inputSchema: {type: object, additionalProperties: false, properties: {summary: {type: string}}}
    effect: escalation
"""


@pytest.mark.parametrize("selector", ["[transfer]", "{effects: [escalation]}"])
@pytest.mark.parametrize("lists", [True, False])
def test_a_policy_may_serve_agents_with_and_without_an_escalation_tool(root, selector, lists):
    """A shared policy is held against the tools of all its agents, not of the one that is loaded,
    where agents list their manifests too."""
    (root / "tools" / "desk.yaml").write_text(ESCALATES)
    policy = root / "agents" / "policy.yaml"
    rights = policy.read_text().replace('["*"]', "[get_order, cancel_order, transfer]")
    policy.write_text(f"{rights}  - {{id: to-a-person, allow: {selector}}}\n")
    agent = root / "agents" / "order-desk.yaml"
    text = agent.read_text()
    lead = text.replace("order-desk", "order-lead").replace("cancel_order]", "transfer]")
    own, more = "../tools/orders.yaml", "../tools/desk.yaml"
    agent.write_text(f"{text}manifests: [{own}]\n")
    lead += f"manifests: [{own}, {more}]\n" if lists else ""
    (root / "agents" / "order-lead.yaml").write_text(lead)
    assert "transfer" not in Project.find(root).agent("order-desk").tools
    assert "transfer" in Project.find(root).agent("order-lead").tools
    policy.write_text(policy.read_text() + "  - {id: shop, allow: [shop]}\n")
    assert codes(lambda: Project.find(root).agent("order-desk")) == ["unknown-tool"]


def test_tables_are_declared_alike_everywhere(root):
    """Two manifests of one agent cannot disagree about the one world they share."""
    agent = root / "agents" / "order-desk.yaml"
    agent.write_text(agent.read_text().replace("cancel_order]", "cancel_order, ship]"))
    (root / "tools" / "more.yaml").write_text(
        "tables: {orders: number}\n"
        "tools:\n  - {name: ship, description: Ship it., effect: external_write}\n"
    )
    assert codes(lambda: Project.find(root).agent("order-desk")) == ["two-tables"]


def test_tools_that_look_the_same_to_the_model_are_refused(root):
    """Dots become underscores for the model, so two names may not meet there."""
    agent = root / "agents" / "order-desk.yaml"
    agent.write_text(agent.read_text().replace("cancel_order]", "cancel_order, a.b, a__b]"))
    tool = "  - {name: %s, description: Ship it., effect: none}\n"
    (root / "tools" / "more.yaml").write_text("tools:\n" + tool % "a.b" + tool % "a__b")
    assert codes(lambda: Project.find(root).agent("order-desk")) == ["look-alike"]


def test_json_lines_are_read_like_yaml(root):
    """A set may be JSON Lines: the head first, then a scenario a line, errors at their line."""
    head = {"kind": "GoldenSet", "agent": "order-desk", "world": "worlds/shop.yaml",
            "defaults": {"principal": {"id": "cus_7"}}}  # fmt: skip
    lines = [head, passing("one", input="a\u2028b"), passing("two")]
    text = "\n".join(json.dumps(line, ensure_ascii=False) for line in lines) + "\n"
    file = root / "golden_sets" / "lines.jsonl"
    file.write_text(text, encoding="utf-8")
    project = Project.find(root)
    assert [(one.scenario.id, one.line) for one in project.golden_set("lines").scenarios()] == [
        ("one", 2),
        ("two", 3),
    ]
    file.write_text(text.replace('"id": "two"', '"id": "one"'), encoding="utf-8")
    with pytest.raises(Problem, match=r"is defined twice, first in line 2\n --> .*lines.jsonl:3:1"):
        project.golden_set("lines")
    file.write_text(text + "{", encoding="utf-8")
    with pytest.raises(Problem, match=r"lines.jsonl:4"):
        project.golden_set("lines")


def filled(text: str) -> dict:
    """Return the first scenario of a set with defaults and templates filled in."""
    source = parse_yaml("agent: a\n" + text, "f.yaml")
    head = decode(GoldenSet, source.data, source)
    return expand(head, source.data["scenarios"][0], source, ("scenarios", 0))


def test_a_scenario_beats_its_template_and_that_the_defaults():
    """Mappings of principal, world, approvals and expect are merged, field by field."""
    made = filled(
        "defaults: {tags: [all], principal: {id: p, name: Ana}, world: {t: {r: {a: 1, b: 1}}},"
        " expect: {escalation: none, calls: none}}\n"
        "templates: {t: {tags: ['{{ tag }}'], world: {t: {r: {b: 2, c: '{{ n }}'}}},"
        " input: 'Order {{ n }}'}}\n"
        "scenarios: [{id: x, template: t, with: {n: 7, tag: late}, principal: {id: q},"
        " expect: {any_of: [[{f: {}}]]}}]\n"
    )
    assert made == {
        "id": "x",
        "tags": ["late"],
        "input": "Order 7",
        "principal": {"id": "q", "name": "Ana"},
        "world": {"t": {"r": {"a": 1, "b": 2, "c": 7}}},
        "expect": {"escalation": "none", "any_of": [[{"f": {}}]]},
    }


def test_one_input_replaces_another():
    """A scenario with a conversation drops the default input."""
    made = filled("defaults: {input: a}\nscenarios: [{id: x, conversation: [b, c]}]\n")
    assert made == {"id": "x", "conversation": ["b", "c"]}


def test_numbers_and_order_are_kept(root):
    """A scenario's overlay keeps 20.0 a fraction and its records in the order of the file."""
    case = passing("one", world={"orders": {"o_9": {"total": 20.0}, "o_1": {"total": 5}}})
    make(root, [case])
    for _ in ("fresh", "cached"):
        (one,) = Project.find(root).golden_set("orders").scenarios()
        assert list(one.scenario.world["orders"]) == ["o_9", "o_1"]
        assert repr(one.scenario.world["orders"]["o_9"]["total"]) == "20.0"
        assert repr(one.scenario.world["orders"]["o_1"]["total"]) == "5"


def test_fingerprints_follow_meaning_not_layout(root):
    """Comments and layout change no fingerprint; a changed instruction changes two."""
    before = Project.find(root).agent("order-desk").fingerprints
    agent = root / "agents" / "order-desk.yaml"
    agent.write_text("# a comment\n" + agent.read_text().replace("limits:", "limits:  "))
    assert Project.find(root).agent("order-desk").fingerprints == before
    agent.write_text(agent.read_text().replace("You help", "You gladly help"))
    after = Project.find(root).agent("order-desk").fingerprints
    assert after.agent != before.agent
    assert after.instructions != before.instructions
    assert (after.tools, after.policy, after.model) == (before.tools, before.policy, before.model)
