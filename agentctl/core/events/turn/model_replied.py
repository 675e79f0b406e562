"""`model.replied`: one turn of the model."""

from agentctl.core.events.declare import EventDeclaration, content, structure

MODEL_REPLIED = EventDeclaration(
    "model.replied",
    "The model takes a turn.",
    (
        structure("step", "number of the turn, from 1", compared=False),
        content("text", "what it says"),
        structure(
            "calls",
            "the calls it asks for: `id` (step and position), `provider_id`, `name`, `arguments` as"
            " it wrote them",
            keep={"id": "whole", "provider_id": "whole", "name": "whole", "arguments": "values"},
            compared=False,
        ),
        content("output", "its answer as an object", optional=True),
        structure(
            "usage",
            "tokens `in` and `out`, `estimated`, `cached` and `reasoning` where reported, and what"
            " was reported where it cannot be true (`rejected`)",
            compared=False,
        ),
        structure("cost", "`usd`, and how it is known (`status`)", compared=False),
        structure("model", "the model that replied", compared=False),
        structure("refused", "whether the model refused", compared=False, optional=True),
        structure(
            "attempts",
            "attempts before that brought no reply: `model`, `kind`, `message`",
            keep={"model": "whole", "kind": "whole"},
            compared=False,
            optional=True,
        ),
    ),
    phase="plan",
    compared="words",
    weight=1.0,
)

__all__ = ["MODEL_REPLIED"]
