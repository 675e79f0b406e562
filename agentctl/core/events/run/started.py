"""`run.started`: who asks which agent, and under which rules."""

from agentctl.core.events.declare import EventDeclaration, content, structure

RUN_STARTED = EventDeclaration(
    "run.started",
    "A run begins.",
    (
        structure("agent", "the agent", agrees="resume"),
        structure("model", "the model"),
        structure("mode", "`mock` or `live` tools", agrees="resume"),
        structure("environment", "where live tools act", agrees="resume", optional=True),
        structure(
            "principal",
            "`id` and `role` of the person on whose behalf it runs",
            keep={"id": "whole", "role": "whole"},
            agrees="replay",
        ),
        structure(
            "fingerprints", "of agent, instructions, tools, model and policy", agrees="resume"
        ),
        structure("rights", "the tools it may use, and their digest", agrees="resume"),
        structure("limits", "the agent's limits"),
        structure("scenario", "`set`, `id`, `trial` and `kind` of a golden case", optional=True),
        content("recipe", "how it was started, where it can be taken up again", optional=True),
        structure("forked_from", "`run`, `step` and `head` of the run it forks", optional=True),
        structure("content", "`hashed` where the trace keeps hashes of content", optional=True),
    ),
    compared=None,
)

__all__ = ["RUN_STARTED"]
