"""A run holds what agent, intent, role and parent all grant, and nothing else."""

from collections.abc import Collection

from hypothesis import given
from hypothesis import strategies as st

from agentctl.core.canonical import digest
from agentctl.policy.rights import Rights, effective_rights, narrowed
from agentctl.specs.shapes.policy import Role
from agentctl.specs.shapes.tools import ToolSpec

NAMES = ("get_order", "cancel_order", "issue_refund", "send_email", "delete_note")
SCOPES = ("read", "write", "money")


def tool(name: str, *scopes: str, **more: object) -> ToolSpec:
    return ToolSpec.model_validate(
        {"name": name, "description": name, "effect": "none", "scopes": list(scopes), **more}
    )


def tools(*names: str) -> dict[str, ToolSpec]:
    return {name: tool(name) for name in names}


def role(*names: str, scopes: Collection[str] = ()) -> Role:
    return Role(tools=names, scopes=tuple(scopes))


def test_rights_are_what_agent_and_role_both_hold():
    """What only one of them names is refused, with the reason."""
    rights = effective_rights(tools("get_order", "send_email"), role("get_order", "issue_refund"))
    assert rights.names == ("get_order",)
    assert rights.refused == {"send_email": "the role does not hold this tool"}
    assert rights.hash == digest(["get_order"])


def test_a_scope_the_role_lacks_takes_the_tool_away():
    """All scopes of a tool must be held."""
    both = {"t": tool("t", "read", "write")}
    assert effective_rights(both, role("t", scopes=["read", "write"])).names == ("t",)
    assert effective_rights(both, role("t", scopes=["read"])).refused == {
        "t": "the role lacks the scope write"
    }


def test_an_unknown_role_has_no_rights():
    """A role the policy does not know is nobody."""
    assert effective_rights(tools("get_order"), None).names == ()


def test_an_intent_narrows_and_is_remembered():
    """Only the intent's tools are left; naming another one does not bring it back."""
    rights = effective_rights(tools("get_order", "cancel_order"), role("*"))
    left = narrowed(rights, ["get_order", "issue_refund"])
    assert left.names == ("get_order",)
    assert left.refused == {"cancel_order": "the intent does not need this tool"}
    assert left.hash == digest(["get_order"])


def test_a_sub_agent_that_asks_for_what_its_parent_lacks_is_refused():
    """The child's own role and spec do not help it: the parent's intent holds for it too."""
    parent = effective_rights(tools("get_order", "cancel_order"), role("*"))
    narrow = narrowed(parent, ["get_order"])
    child = effective_rights(tools(*NAMES), role("*"), narrow)
    assert child.names == ("get_order",)
    assert set(child.refused.values()) == {"the parent run does not hold this tool"}


def test_a_sub_agent_cannot_bring_its_own_tool_under_its_parents_name():
    """The same name without the bound argument is another tool."""
    schema = {"type": "object", "properties": {"customer_id": {"type": "string"}}}
    bound = tool("list", inputSchema=schema, bind={"customer_id": "principal.id"})
    free = tool("list", inputSchema=schema)
    parent = effective_rights({"list": bound}, role("*"))
    assert effective_rights({"list": bound}, role("*"), parent).names == ("list",)
    assert effective_rights({"list": free}, role("*"), parent).refused == {
        "list": "the parent run holds another tool of this name"
    }


some_tools = st.dictionaries(
    st.sampled_from(NAMES), st.lists(st.sampled_from(SCOPES), unique=True), max_size=5
).map(lambda found: {name: tool(name, *scopes) for name, scopes in found.items()})
some_roles = st.builds(
    role,
    st.sampled_from((*NAMES, "*", "get_*")),
    st.sampled_from(NAMES),
    scopes=st.lists(st.sampled_from(SCOPES), unique=True),
)
some_intents = st.none() | st.lists(st.sampled_from(NAMES), unique=True)


@given(st.lists(st.tuples(some_tools, some_roles, some_intents), min_size=2, max_size=4))
def test_a_child_never_holds_more_than_its_parent(runs):
    """Down any chain of runs, rights only shrink, and each says why for everything it lacks."""
    parent: Rights | None = None
    for named, held, intent in runs:
        rights = effective_rights(named, held, parent)
        if intent is not None:
            assert narrowed(rights, intent).tools == rights.tools & set(intent)
            rights = narrowed(rights, intent)
        assert rights.tools == frozenset(rights.specs) == frozenset(rights.names)
        assert rights.tools | rights.refused.keys() == named.keys()
        assert not rights.tools & rights.refused.keys()
        if parent is not None:
            assert rights.tools <= parent.tools
            assert all(rights.specs[name] == parent.specs[name] for name in rights.tools)
        parent = rights
