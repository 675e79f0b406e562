"""What a run may use at all: the agent's tools, cut down by role and scopes."""

import pytest
from pydantic import ValidationError

from agentctl.core.canonical import digest
from agentctl.policy.rights import effective_rights
from agentctl.specs.shapes.policy import Role, any_selects, selects
from agentctl.specs.shapes.tools import ToolSpec


def tools(**scopes: list[str]) -> dict[str, ToolSpec]:
    return {
        name: ToolSpec.model_validate(
            {"name": name, "description": "A tool.", "effect": "none", "scopes": needed}
        )
        for name, needed in scopes.items()
    }


def role(*selectors: str, scopes: tuple[str, ...] = ()) -> Role:
    return Role(tools=selectors, scopes=scopes)


def test_rights_are_what_agent_and_role_both_hold():
    """A tool the agent does not name is not gained by the role, and the other way round."""
    rights = effective_rights(tools(read=[], write=[]), role("read", "erase"))
    assert rights.tools == {"read"}
    assert rights.refused == {"write": "the role does not hold this tool"}


def test_every_scope_of_a_tool_is_needed():
    """One scope of two is not enough; the missing ones are named."""
    named = tools(read=["a"], write=["a", "c", "b"])
    rights = effective_rights(named, role("*", scopes=("a",)))
    assert rights.tools == {"read"}
    assert rights.refused == {"write": "the role lacks the scope b, c"}
    assert effective_rights(named, role("*", scopes=("c", "b", "a"))).names == ("read", "write")


def test_a_role_nobody_knows_holds_nothing():
    """Without a role there are no rights, and each refusal says why."""
    rights = effective_rights(tools(read=[], write=[]), None)
    assert rights.tools == frozenset()
    assert set(rights.refused.values()) == {"the policy does not know this role"}


def test_rights_are_hashed_whatever_their_order():
    """The hash in the trace is over the sorted names, so that equal rights are equal."""
    one = effective_rights(tools(b=[], a=[]), role("*"))
    other = effective_rights(tools(a=[], b=[], c=[]), role("a", "b"))
    assert one.names == ("a", "b")
    assert one.hash == other.hash == digest(["a", "b"])
    assert one.hash != effective_rights(tools(a=[]), role("*")).hash


@pytest.mark.parametrize(
    ("selector", "name", "means"),
    [
        ("send", "send", True), ("send", "send_mail", False), ("send", "Send", False),
        ("send*", "send", True), ("*send", "resend", True), ("*", "", True), ("**", "x", True),
        ("a*a", "a", False), ("a*a", "aa", True), ("ab*ba", "aba", False), ("a*b*c", "abc", True),
        ("a*b*c", "acb", False), ("a*b*b*c", "abc", False), ("a*b*b*c", "abbc", True),
        ("a**b", "ab", True), ("*b*", "ac", False), ("a*b*c", "ac", False), ("a.b*", "axb", False),
        ("*mail", "send_mail_bulk", False), ("get_[ab]*", "get_a", False),
        ("get_?", "get_a", False),
        ("s*l", "sxl", True), ("s*l*", "send_mai", False), ("*x*y*", "yx", False),
        ("*x*y*", "xy", True),
    ],
)  # fmt: skip
def test_only_a_star_stands_for_other_characters(selector: str, name: str, means: bool):
    """A selector is exact, star by star; nothing else in it is a pattern."""
    assert selects(selector, name) is means
    assert any_selects(["nothing", selector], name) is means


LOOK_ALIKES = ["c\u0430ncel_order", "cancel_order\u200b", "\uff43ancel_order", "cancel_order\n"]
"""A Cyrillic letter, an invisible one, another width, and a line end that a terminal hides."""


@pytest.mark.parametrize("name", [*LOOK_ALIKES, "CANCEL_ORDER", " cancel_order"])
def test_a_name_that_only_looks_alike_is_not_meant(name: str):
    """Names are compared character by character."""
    assert not selects("cancel_order", name)
    assert not any_selects(["cancel_order", "c*l_order"], name.removesuffix("\n") + "x")


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_a_tool_cannot_have_a_name_that_looks_alike(name: str):
    """A manifest takes plain ASCII names only, so that no star covers a counterfeit."""
    with pytest.raises(ValidationError, match="should match pattern"):
        tools(**{name: []})
