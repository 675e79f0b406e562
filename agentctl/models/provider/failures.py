"""What went wrong at a provider, in one sentence that holds no secret, and whether to ask again.

litellm raises some thirty classes, calls a lost connection a 500, and repeats what the provider
said, keys included. All of that ends here.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from agentctl.core.text import shorten
from agentctl.core.waiting import retry_after_s
from agentctl.models.lenient_json import objects_in
from agentctl.models.port import FaultKind, ModelFault

PASSING: frozenset[FaultKind] = frozenset({"unavailable", "rate_limited", "timeout"})
"""Faults that another attempt, or another model, may not meet."""

_UNREACHABLE = frozenset(
    {"ConnectError", "ReadError", "WriteError", "RemoteProtocolError", "ConnectionRefusedError"}
    | {"gaierror", "ConnectionResetError", "ClientConnectorError"}
)
_LOCAL = frozenset({"AttributeError", "IndexError", "KeyError", "RecursionError", "TypeError"})
"""What litellm raises where it cannot make a request, and then calls a 500 of the provider."""
_MASK = "***"


class ModelTarget(NamedTuple):
    """Whom a request went to, as far as a message needs it."""

    model: str
    place: str
    """The provider, or the address of the server."""
    variable: str | None
    """Where the key is, or should be."""
    has_key: bool
    is_server: bool
    """A server of one's own."""


class FailedAttempt(NamedTuple):
    """One attempt that brought no reply."""

    fault: ModelFault
    final: bool
    """Asking the same model again would bring the same."""
    wait_s: float | None = None
    """What the provider asks to wait."""


def classify_failure(
    error: BaseException, target: ModelTarget, secrets: Sequence[str]
) -> FailedAttempt:
    """Return what `error`, raised by litellm, means."""
    # What goes wrong within a stream comes wrapped, without its status' headers.
    error = getattr(error, "original_exception", None) or error
    headers = getattr(error, "litellm_response_headers", None) or _headers(error)
    status = getattr(error, "status_code", None)
    reported = _reported(error, secrets)
    kinds = {type(link).__name__ for link in _chain(error)}
    if status == 408 or any(kind.endswith("Timeout") for kind in kinds):
        return timeout_failure(target)
    if headers is None:
        *_, innermost = _chain(error)
        local = f"{type(innermost).__name__}: {_reported(innermost, secrets)}"
        found = _unanswered(kinds, reported, local, target)
        if found is not None:
            return found
    if not isinstance(status, int):
        return _final("bad_reply", f"{target.model} cannot be asked: {reported}")
    return _of_status(status, reported, target, headers, error)


def timeout_failure(target: ModelTarget) -> FailedAttempt:
    """Return the failed attempt of a request that took too long."""
    fault = ModelFault("timeout", f"{target.model} did not answer in time", _WALL_CLOCK)
    return FailedAttempt(fault, final=False)


_WALL_CLOCK = "try again, or raise `limits: {wall_clock_s:}` of the agent"


def _unanswered(
    kinds: set[str], reported: str, local: str, target: ModelTarget
) -> FailedAttempt | None:
    """Judge an error that came before any answer of the provider, or instead of a readable one."""
    if "BrokenOff" in kinds:
        message = f"{target.place} broke off in the middle of an answer"
        return FailedAttempt(ModelFault("unavailable", message, _NETWORK), final=False)
    if kinds & _UNREACHABLE:
        hint = "is the server running, and does base_url name it?" if target.is_server else _NETWORK
        return FailedAttempt(
            ModelFault("unavailable", f"cannot reach {target.place}", hint), final=False
        )
    if "ImportError" in kinds:
        return _final(
            "unknown_model", f"{target.model} needs a package that is missing: {reported}"
        )
    if "JSONDecodeError" in kinds or "is not a list" in reported:
        message = f"{target.place} did not answer with a chat completion"
        return _final("bad_reply", message, _address_hint(target))
    if "provider not provided" in reported.casefold():
        return unknown_failure(target.model)
    words = reported.casefold()
    if not target.has_key and any(word in words for word in ("api key", "api_key", "credentials")):
        return _final("no_key", f"no key for {target.model}: {reported}", _key_hint(target))
    if "UnsupportedParamsError" in kinds:
        hint = "change or remove it in `model: {settings:}` of the agent"
        return _final("rejected", f"{target.model} refuses a setting: {reported}", hint)
    if kinds & _LOCAL:
        message = f"litellm failed on this machine, not {target.place}: {local}"
        return _final("rejected", message, _SCHEMA_HINT)
    return None


_SCHEMA_HINT = "a schema of a tool that litellm cannot translate is the usual reason"
_NETWORK = "check the network, or the provider's status page"


def _of_status(
    status: int, reported: str, target: ModelTarget, headers: object, error: BaseException
) -> FailedAttempt:
    """Judge a provider's refusal by its HTTP status."""
    if "Error converting to valid response" in reported:
        return _final("bad_reply", f"{target.model} sent a reply that cannot be read")
    if status == 400 and "api key not valid" in reported.casefold():
        status = 401  # as Gemini says it
    match status:
        case 401:
            where = f" in {target.variable}" if target.has_key and target.variable else ""
            message = f"{target.place} rejected the key{where}"
            return _final("rejected", message, _key_hint(target))
        case 404:
            message = f"{target.place} does not know the model {target.model}"
            return _final("unknown_model", message, _address_hint(target) or _MODELS)
        case 429:
            wait = retry_after_s(headers)
            spent = "insufficient_quota" in f"{reported} {getattr(error, 'body', '')}" or (
                "exceeded your current quota" in reported
            )
            message = f"{target.place} allows no more requests: {reported}"
            fault = ModelFault("rate_limited", message, _QUOTA if spent else "try again later")
            return FailedAttempt(fault, final=spent, wait_s=wait)
        case _ if status >= 500:
            fault = ModelFault(
                "unavailable", f"{target.place} failed ({status}): {reported}", _NETWORK
            )
            return FailedAttempt(fault, final=False, wait_s=retry_after_s(headers))
    return _final("rejected", f"{target.place} refused the request ({status}): {reported}")


_QUOTA = "the quota of the key is used up; raise it at the provider"
_MODELS = "see the provider's list of models"


def unknown_failure(model: str) -> FailedAttempt:
    """Return the failed attempt of a name that belongs to no provider."""
    hint = "write `provider/model`, such as openai/gpt-5-mini, or give `base_url` of a server"
    return _final("unknown_model", f"`{model}` does not name a known provider", hint)


def missing_key_failure(model: str, missing: Sequence[str]) -> ModelFault:
    """Return the fault of a model that cannot be asked for want of a key."""
    names = " and ".join(missing)
    return ModelFault("no_key", f"no key for {model}: {names} not set", f"export {missing[0]}=...")


def _final(kind: FaultKind, message: str, hint: str | None = None) -> FailedAttempt:
    return FailedAttempt(ModelFault(kind, message, hint), final=True)


def _key_hint(target: ModelTarget) -> str:
    name = target.variable or f"{target.place.upper()}_API_KEY"
    return f"set {name} to a key of {target.place}"


def _address_hint(target: ModelTarget) -> str | None:
    if not target.is_server:
        return None
    provider = target.model.partition("/")[0]
    return _ENDS.get(provider, "base_url usually ends in /v1")


_ENDS = {
    "anthropic": "base_url ends before /v1/messages",
    "gemini": "base_url ends before /models/, usually in /v1beta",
}


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def _headers(error: BaseException) -> object | None:
    # litellm makes up a response without headers where there was none.
    return getattr(getattr(error, "response", None), "headers", None) or None


def _reported(error: BaseException, secrets: Sequence[str]) -> str:
    """Return the provider's words: one line, without litellm's prefixes and without keys."""
    text = str(error)
    for secret in secrets:
        text = text.replace(secret, _MASK)
    text = (
        _inner_message(text)
        or text.rpartition("Exception - ")[2].partition(" Handle with `litellm")[0]
    )
    # `litellm.BadRequestError: ` and the like
    while text.startswith("litellm."):
        prefix, colon, rest = text.partition(": ")
        if not colon or " " in prefix:
            break
        text = rest
    words = [_MASK if word.startswith(("sk-", "gsk_", "AIza")) else word for word in text.split()]
    return shorten(" ".join(words), 200)


def _inner_message(text: str) -> str | None:
    """Return the message inside a provider's error that litellm repeats as it came."""
    for _, found in objects_in(text):
        error = found.get("error") if found else None
        message = error.get("message") if isinstance(error, dict) else None
        if isinstance(message, str):
            return message
    return None


__all__ = [
    "PASSING",
    "FailedAttempt",
    "ModelTarget",
    "classify_failure",
    "missing_key_failure",
    "timeout_failure",
    "unknown_failure",
]
