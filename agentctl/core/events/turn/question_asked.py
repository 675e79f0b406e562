"""`question.asked`: the agent asks the user."""

from agentctl.core.events.declare import EventDeclaration, content

QUESTION_ASKED = EventDeclaration(
    "question.asked",
    "The agent asks the user.",
    (content("question", "the question"),),
    phase="act",
)

__all__ = ["QUESTION_ASKED"]
