"""The one way to make a model that is really asked: the spec's own, or another named for once.

All that runs agents asks here, so that a spec means the same wherever it is run. Nothing is asked
yet: the model is made ready, or the reason why it cannot be asked is reported.
"""

from collections.abc import Callable, Mapping

from agentctl.models.json_action import JsonActions
from agentctl.models.port import Model
from agentctl.models.provider.live import LiveModel
from agentctl.specs.shapes.agent import ModelSpec


def open_model(
    spec: ModelSpec,
    override: str | None = None,
    *,
    env: Mapping[str, str] | None = None,
    on_text: Callable[[str], None] | None = None,
) -> Model:
    """Return the model of a spec, ready to be asked.

    Args:
        spec: The `model:` of an agent.
        override: A model to ask instead of the spec's, without its fallbacks.
        env: Where keys are; left out = the environment of the process.
        on_text: Told of the model's words as they arrive, where someone watches.

    Raises:
        ModelFault: `no_key` or `unknown_model`, before anything is asked.
        Problem: If `settings` holds what is not a setting.
    """
    if spec.mode == "json-action":
        # What arrives is JSON for the runtime, and no word for anybody who watches.
        return JsonActions(LiveModel(spec, override, env))
    return LiveModel(spec, override, env, on_text=on_text)


__all__ = ["open_model"]
