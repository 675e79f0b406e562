"""What the authorizer knows about a run. It knows nothing else, and changes none of it."""

from collections.abc import Mapping, Set
from datetime import datetime
from typing import NamedTuple

from agentctl.core.canonical import Json
from agentctl.core.messages import EffectKind
from agentctl.specs.shapes.policy import RuleVerdict

Stage = str
"""Where a decision fell: parse, offer, arguments, visibility, declined, limit, rule, taint."""


class Facts(NamedTuple):
    """The state of a run at the moment of one call."""

    principal: Mapping[str, Json]
    now: datetime
    offered: Set[str]
    """The tools that exist for the model at this moment."""
    seen: Mapping[str, Mapping[str, Mapping[str, Json]]]
    """Table -> key -> record: what tools returned in this run and the principal may see."""
    tainted_by: str | None
    """The first untrusted tool whose output the model has read."""
    declined: Set[str]
    """Keys of the calls that a person rejected in this run."""
    ran: Mapping[str, int]
    """Tool -> how many calls of it ran."""


class Decision(NamedTuple):
    """What the authorizer says about one call, with everything the trace and an approver need."""

    verdict: RuleVerdict
    stage: Stage
    tool: str
    effect: EffectKind
    arguments: dict[str, Json]
    """As they will run: defaults and bound arguments filled in."""
    bound: tuple[str, ...]
    """Names of the arguments the principal filled."""
    rules: tuple[str, ...]
    """Ids of the rules that matched, the deciding ones first."""
    reason: str
    key: str
    """The tool and its canonical arguments: equal for equal calls."""
    error: str = "denied"
    """With `deny`: the kind of error the model sees."""
    by: str | None = None
    """With `ask`: the queue whose people may approve."""
    within_s: int | None = None
    """With `ask`: seconds an approval is waited for."""


__all__ = ["Decision", "Facts", "Stage"]
