"""The model of an agent, ready to be asked, or what to do when it cannot be."""

from agentctl.core.errors import problem
from agentctl.models.live import LiveModel
from agentctl.models.port import ModelFault
from agentctl.specs.bundle import Bundle


def live_model(bundle: Bundle, model: str | None) -> LiveModel:
    """Return the model of the spec, ready to be asked.

    Args:
        bundle: The agent.
        model: A model to ask instead.

    Raises:
        Problem: If it cannot be asked, for want of a key for instance.
    """
    try:
        return LiveModel(bundle.agent.model, model)
    except ModelFault as fault:
        hint = fault.hint or "set the provider's key"
        raise problem(
            fault.kind.replace("_", "-"),
            fault.message,
            hint=f"{hint}; or play a recorded case: agentctl run --scenario SET:ID",
            exit_code=fault.exit_code,
        ) from fault


__all__ = ["live_model"]
