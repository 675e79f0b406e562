"""Every type of event: to import its declaration here is to register it."""

from collections.abc import Mapping

from agentctl.core.events.call.approval_given import APPROVAL_GIVEN as APPROVAL_GIVEN
from agentctl.core.events.call.approval_requested import APPROVAL_REQUESTED as APPROVAL_REQUESTED
from agentctl.core.events.call.decided import CALL_DECIDED as CALL_DECIDED
from agentctl.core.events.call.effect_intended import EFFECT_INTENDED as EFFECT_INTENDED
from agentctl.core.events.call.effect_settled import EFFECT_SETTLED as EFFECT_SETTLED
from agentctl.core.events.call.tool_returned import TOOL_RETURNED as TOOL_RETURNED
from agentctl.core.events.declare import EventDeclaration, EventType
from agentctl.core.events.run.content_erased import CONTENT_ERASED as CONTENT_ERASED
from agentctl.core.events.run.correction_made import CORRECTION_MADE as CORRECTION_MADE
from agentctl.core.events.run.ended import RUN_ENDED as RUN_ENDED
from agentctl.core.events.run.paused import RUN_PAUSED as RUN_PAUSED
from agentctl.core.events.run.started import RUN_STARTED as RUN_STARTED
from agentctl.core.events.turn.escalated import ESCALATED as ESCALATED
from agentctl.core.events.turn.guardrail_hit import GUARDRAIL_HIT as GUARDRAIL_HIT
from agentctl.core.events.turn.handoff_made import HANDOFF_MADE as HANDOFF_MADE
from agentctl.core.events.turn.input_received import INPUT_RECEIVED as INPUT_RECEIVED
from agentctl.core.events.turn.limit_warned import LIMIT_WARNED as LIMIT_WARNED
from agentctl.core.events.turn.model_replied import MODEL_REPLIED as MODEL_REPLIED
from agentctl.core.events.turn.question_asked import QUESTION_ASKED as QUESTION_ASKED

EVENTS: Mapping[EventType, EventDeclaration] = {
    declared.type: declared
    for declared in tuple(globals().values())
    if isinstance(declared, EventDeclaration)
}

__all__ = ["EVENTS"]
