"""The model of an agent, ready to answer, or what to do where it cannot."""

from collections.abc import Callable

from agentctl.core.errors import problem
from agentctl.models.opening import open_model
from agentctl.models.port import Model, ModelFault
from agentctl.specs.shapes.bundle import Bundle


def live_model(
    bundle: Bundle, model: str | None, *, on_text: Callable[[str], None] | None = None
) -> Model:
    """Return the model of the spec, ready to be asked.

    Args:
        bundle: The agent.
        model: A model to ask instead.
        on_text: Called with the model's words as they arrive.

    Raises:
        Problem: If it cannot be asked, for want of a key for instance.
    """
    try:
        return open_model(bundle.agent.model, model, on_text=on_text)
    except ModelFault as fault:
        hint = fault.hint or "set the provider's key"
        raise problem(
            fault.kind.replace("_", "-"),
            fault.message,
            hint=f"{hint}; or play a recorded case: agentctl run --scenario SET:ID",
            exit_code=fault.exit_code,
        ) from fault


__all__ = ["live_model"]
