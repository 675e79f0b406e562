"""A model at a provider, asked through litellm; nothing else imports that library.

A request gets a bounded number of attempts and a bounded time, over the model and its fallbacks
together. Only faults that may pass are tried again; a refusal is final. litellm is imported with
the first request, since that takes seconds, and is kept from writing, retrying and fetching.
"""

import logging
import math
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from agentctl.core.canonical import Json
from agentctl.core.messages import ModelReply
from agentctl.core.waiting import pause_s
from agentctl.models.port import ModelFault, Request
from agentctl.models.provider.failures import (
    PASSING,
    FailedAttempt,
    ModelTarget,
    classify_failure,
    missing_key_failure,
    timeout_failure,
    unknown_failure,
)
from agentctl.models.provider.keys import Credentials, credentials, provider_of, secrets_in
from agentctl.models.provider.streaming import (
    UNSTREAMED,
    TimeUp,
    assembled_reply,
    stream_chunks,
    with_deadline,
)
from agentctl.models.provider.wire import (
    ToolNames,
    parse_reply,
    response_format,
    wire_messages,
    wire_tools,
)
from agentctl.specs.shapes.agent import ModelSpec

ATTEMPTS = 3
"""Requests for one turn, fallbacks included; with more fallbacks, one for each model."""
PATIENCE_S = 60.0
"""Seconds an attempt is given at least, where the run has them left."""
BACKOFF_S = 0.5
"""Wait before the second attempt; it doubles. A provider's `Retry-After` comes first."""
LONGEST_WAIT_S = 10.0
"""A longer wait is not sat out while a fallback stands ready."""

_SCHEMA_BESIDE_TOOLS = frozenset({"openai", "azure"})
"""Elsewhere a schema for the answer keeps the model from calling tools, or is refused with them."""


@dataclass(frozen=True, slots=True)
class LiveTarget:
    """One model that may be asked."""

    name: str
    provider: str | None
    base_url: str | None
    credentials: Credentials

    def described(self) -> ModelTarget:
        """Return what messages say about it."""
        place = self.base_url or self.provider or self.name.partition("/")[0]
        given = self.credentials.key is not None and self.credentials.key != "none"
        variable = self.credentials.variable
        return ModelTarget(self.name, place, variable, given, self.base_url is not None)

    def address(self) -> dict[str, Any]:
        """Return how litellm finds it."""
        found: dict[str, Any] = {"model": self.name}
        if self.base_url is not None:
            found["base_url"] = self.base_url
            if self.provider is None:
                found["custom_llm_provider"] = "openai"
        if self.credentials.key is not None:
            found["api_key"] = self.credentials.key
        return found


class LiveModel:
    """Asks the model of a spec, and its fallbacks in order while it cannot be had.

    Args:
        spec: The `model:` of an agent.
        override: A model to ask instead of the spec's; it has no fallbacks, so that what was asked
            for by name is what answers.
        env: Where keys are; left out = the environment of the process.
        on_text: Told of the model's words as they arrive; then each request asks for a stream.
        sleep: Waits between attempts.
        patience_s: Seconds an attempt is given at least, where they are left.

    Raises:
        ModelFault: `no_key` or `unknown_model`, before anything is asked.
    """

    def __init__(
        self,
        spec: ModelSpec,
        override: str | None = None,
        env: Mapping[str, str] | None = None,
        *,
        on_text: Callable[[str], None] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        patience_s: float = PATIENCE_S,
    ) -> None:
        env = os.environ if env is None else env
        self.name = override or spec.name
        names = (self.name, *(spec.fallbacks if self.name == spec.name else ()))
        self._targets = tuple(target_of(spec, name, env) for name in names)
        self._settings = spec.settings.given()
        self._secrets = secrets_in(env)
        self._on_text = on_text
        self._sleep = sleep
        self._patience_s = patience_s
        first = self._targets[0]
        if first.base_url is None and first.provider is None and "/" not in first.name:
            raise unknown_failure(first.name).fault
        if first.credentials.missing:
            raise missing_key_failure(first.name, first.credentials.missing)

    def reply(self, request: Request, timeout_s: float) -> ModelReply:
        """Ask for the next turn; `ModelReply.model` says who answered.

        Args:
            request: The conversation and the tools.
            timeout_s: Seconds for all attempts together. Importing litellm, once in a process,
                is not counted.

        Raises:
            ModelFault: If no attempt brought a reply.
        """
        litellm = open_litellm()
        names = ToolNames(offer.name for offer in request.tools)
        deadline = time.monotonic() + timeout_s
        failed_attempts: list[FailedAttempt] = []
        earlier: list[dict[str, Json]] = []
        plan = tuple(self._plan())
        left = sum(attempts for _, attempts in plan)
        for target, attempts in plan:
            for attempt in range(attempts):
                seconds = self._attempt_s(deadline, left)
                left -= 1
                outcome = self._attempt(litellm, target, request, names, seconds)
                if isinstance(outcome, ModelReply):
                    return outcome._replace(failed_attempts=tuple(earlier))
                failed_attempts.append(outcome)
                kind, message = outcome.fault.kind, outcome.fault.message
                earlier.append({"model": target.name, "kind": kind, "message": message})
                if target is self._targets[0] and outcome.fault.kind not in PASSING:
                    raise outcome.fault
                wait = pause_s(outcome.wait_s, BACKOFF_S, attempt + 1)
                if not self._worth_waiting(outcome, wait, deadline, attempt + 1 < attempts):
                    break
                self._sleep(wait)
            if time.monotonic() >= deadline:
                break
        raise self._summary(failed_attempts)

    def _plan(self) -> Iterator[tuple[LiveTarget, int]]:
        """Yield the models that can be asked, each with its attempts; every one has at least one.

        The budget is shared so that the first model may be asked again, but never at the expense
        of a fallback's only attempt.
        """
        usable = [target for target in self._targets if not target.credentials.missing]
        spare = max(0, ATTEMPTS - len(usable))
        for target in usable:
            yield target, 1 + spare
            spare = 0

    def _attempt_s(self, deadline: float, attempts: int) -> float:
        """Return the seconds for one attempt: its share of the time left, or what patience asks."""
        left = max(0.0, deadline - time.monotonic())
        return min(left, max(left / attempts, self._patience_s))

    def _worth_waiting(
        self, outcome: FailedAttempt, wait: float, deadline: float, more: bool
    ) -> bool:
        if not more or outcome.final or time.monotonic() + wait >= deadline:
            return False
        return wait <= LONGEST_WAIT_S or len(self._targets) == 1

    def _summary(self, failed_attempts: list[FailedAttempt]) -> ModelFault:
        """Return the first model's fault, with what became of the fallbacks."""
        first = failed_attempts[0].fault
        if len(self._targets) == 1:
            count = f" ({len(failed_attempts)} attempts)" if len(failed_attempts) > 1 else ""
            last = failed_attempts[-1].fault
            return ModelFault(last.kind, f"{last.message}{count}", last.hint)
        also = [
            outcome.fault.message
            for outcome in failed_attempts[1:]
            if outcome.fault.message != first.message
        ]
        also += [
            f"fallback {target.name} has no key ({' and '.join(target.credentials.missing)})"
            for target in self._targets[1:]
            if target.credentials.missing
        ]
        return ModelFault(first.kind, "; ".join([first.message, *also]), first.hint)

    def _attempt(
        self, litellm: Any, target: LiveTarget, request: Request, names: ToolNames, seconds: float
    ) -> ModelReply | FailedAttempt:
        """Make one request."""
        described = target.described()
        if seconds <= 0:
            return timeout_failure(described)
        keywords = self._keywords(target, request, names, seconds)
        on_text = self._on_text if target.provider not in UNSTREAMED else None
        try:
            if on_text is None:
                (outcome,) = with_deadline(seconds, lambda: (_completion(litellm, keywords),))
            else:
                keywords |= {"stream": True, "stream_options": {"include_usage": True}}
                stream = with_deadline(
                    seconds, lambda: stream_chunks(_completion(litellm, keywords))
                )
                outcome = assembled_reply(stream, on_text)
        except TimeUp:
            return timeout_failure(described)
        except Exception as error:  # noqa: BLE001 - whatever the library raises is a fault
            return classify_failure(error, described, self._secrets)
        try:
            return parse_reply(outcome, request, names, target.name)
        except ModelFault as fault:
            return FailedAttempt(fault, final=True)

    def _keywords(
        self, target: LiveTarget, request: Request, names: ToolNames, seconds: float
    ) -> dict[str, Any]:
        found: dict[str, Any] = {
            **self._settings,
            **target.address(),
            "messages": wire_messages(request.messages, names),
            "timeout": _rounded_timeout(seconds),
            "num_retries": 0,
            "max_retries": 0,
            # Without this litellm loads its MCP gateway, and that a package it does not install.
            "_skip_mcp_handler": True,
        }
        if request.tools:
            found["tools"] = wire_tools(request.tools, names)
        else:
            # Providers refuse these where no tool is offered.
            found.pop("tool_choice", None)
            found.pop("parallel_tool_calls", None)
        beside = target.base_url is None and target.provider in _SCHEMA_BESIDE_TOOLS
        if request.output is not None and (beside or not request.tools):
            found["response_format"] = response_format(request.output)
        return found


def _completion(litellm: Any, keywords: dict[str, Any]) -> Any:
    """Ask litellm, without the log entry that it otherwise writes about each call and nobody reads.

    That entry, with a second count of tokens and cost, takes a third of a call's processor time.
    """
    litellm._internal_context.is_internal_call.set(True)
    return litellm.completion(**keywords)


def _rounded_timeout(seconds: float) -> float:
    """Return the time-out that litellm is given: the next power of two.

    litellm keeps a client, and with it the open connections, for each time-out it has met; the
    exact one would make every request open a new connection. With more than 20 requests at a time
    its connection pool closes most of them all the same. `with_deadline` keeps the exact one.
    """
    return float(2.0 ** math.ceil(math.log2(seconds)))


def target_of(spec: ModelSpec, name: str, env: Mapping[str, str]) -> LiveTarget:
    """Return how to ask the model `name` for an agent whose model is `spec`.

    `base_url` stands for the provider that the spec's own name begins with, so it also serves
    other models of that provider, and names that tell no provider.
    """
    provider = provider_of(name)
    own = provider is None or provider == provider_of(spec.name) or name == spec.name
    base_url = spec.base_url if own else None
    return LiveTarget(name, provider, base_url, credentials(name, base_url, env))


@lru_cache(maxsize=1)
def open_litellm() -> Any:
    """Import litellm, quiet: nothing but model requests leaves the machine, nothing is printed."""
    for name in ("LITELLM_LOCAL_MODEL_COST_MAP", "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS"):
        os.environ[name] = "True"
    # In its development mode it reads a `.env` file from somewhere above its own code.
    os.environ["LITELLM_MODE"] = "PRODUCTION"
    # Left in force: it loads more of itself, with more warnings, when a request first needs it.
    for module in ("litellm", "pydantic", "openai"):
        warnings.filterwarnings("ignore", module=module)
    import litellm  # noqa: PLC0415 - takes seconds, so only when a model is asked

    litellm.suppress_debug_info = True
    litellm.telemetry = False
    litellm.drop_params = False
    # These load the larger part of it; loaded here, they take no time of the first attempt.
    _ = litellm.completion, litellm.exceptions, litellm.ModelResponse
    litellm.ModelResponseStream()
    for logger in ("LiteLLM", "LiteLLM Proxy", "LiteLLM Router", "httpx", "openai"):
        logging.getLogger(logger).setLevel(logging.CRITICAL + 1)
    return litellm


__all__ = [
    "ATTEMPTS",
    "BACKOFF_S",
    "LONGEST_WAIT_S",
    "PATIENCE_S",
    "LiveModel",
    "LiveTarget",
    "open_litellm",
    "target_of",
]
