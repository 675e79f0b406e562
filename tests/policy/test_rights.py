"""A run holds what agent and role both grant, and nothing else."""

from collections.abc import Collection

from hypothesis import given
from hypothesis import strategies as st

from agentctl.core.canonical import digest
from agentctl.policy.rights import effective_rights
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


some_tools = st.dictionaries(
    st.sampled_from(NAMES), st.lists(st.sampled_from(SCOPES), unique=True), max_size=5
).map(lambda found: {name: tool(name, *scopes) for name, scopes in found.items()})
some_roles = st.builds(
    role,
    st.sampled_from((*NAMES, "*", "get_*")),
    st.sampled_from(NAMES),
    scopes=st.lists(st.sampled_from(SCOPES), unique=True),
)


@given(some_tools, some_roles)
def test_every_tool_is_held_or_refused_with_a_reason(named, held):
    """Rights never exceed what the agent names, and each says why for everything it lacks."""
    rights = effective_rights(named, held)
    assert rights.tools == frozenset(rights.names)
    assert rights.tools | rights.refused.keys() == named.keys()
    assert not rights.tools & rights.refused.keys()
