"""What a trace keeps of messages, arguments and results: all of it, or keyed hashes.

With hashes, equal values can be recognised with the key, and cannot be read. Only fields that are
declared as structure are kept as they are; any other field is hashed.
"""

import hashlib
import hmac
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from agentctl.core.canonical import Json, canonical_text
from agentctl.core.errors import problem
from agentctl.core.events import EVENTS, Event, Keep
from agentctl.traces.log.store import ERASED

KEY_VARIABLE = "AGENTCTL_AUDIT_KEY"
LEAST_KEY = 32
"""Characters a key has at least."""
MARK = "hmac-sha256:"
"""What a value that is kept as a hash begins with."""

ContentKeeper = Callable[[Event], Event]
_KEEP: Mapping[str, Mapping[str, Keep]] = {
    declared.type: {field.name: field.keep for field in declared.fields}
    for declared in EVENTS.values()
}
"""Event -> field -> what is kept of it."""


def kept_content(
    kept: Literal["full", "hashed"], environ: Mapping[str, str] = os.environ
) -> ContentKeeper | None:
    """Return what a project does to events before they are written; `None` = nothing.

    Args:
        kept: What the project file says under `audit.content`.
        environ: Where the key of the hashes is.

    Raises:
        Problem: If hashes are asked for and there is no key, or one too short to keep a secret.
    """
    if kept == "full":
        return None
    key = environ.get(KEY_VARIABLE, "")
    if len(key) < LEAST_KEY:
        raise problem(
            "no-audit-key",
            f"the project keeps hashes of content, and {KEY_VARIABLE}"
            + (f" has fewer than {LEAST_KEY} characters" if key else " is not set"),
            hint=f"export {KEY_VARIABLE}=$(openssl rand -hex 32), and keep it: the same key makes"
            " equal values comparable",
        )
    return Hashed(key.encode())


class Hashed:
    """Replaces the content of events by keyed hashes.

    Args:
        key: With it, a guess can be tested against a hash.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __call__(self, event: Event) -> Event:
        """Return the event as it is written."""
        known = _KEEP.get(event.type, {})
        body = {name: self._kept(v, known.get(name, "hash")) for name, v in event.body.items()}
        if event.type == "run.started":
            body["content"] = "hashed"
        return event._replace(body=body)

    def _kept(self, value: Json, keep: Keep) -> Json:
        if keep == "whole":
            return value
        if keep == "values" and isinstance(value, dict):
            return {name: self._hash(item) for name, item in value.items()}
        if isinstance(keep, str):
            return self._hash(value)
        if isinstance(value, list):
            return [self._kept(item, keep) for item in value]
        if isinstance(value, dict):
            return {name: self._kept(v, keep.get(name, "hash")) for name, v in value.items()}
        return self._hash(value)

    def _hash(self, value: Json) -> Json:
        if value is None or value == "":
            return value
        made = hmac.new(self._key, canonical_text(value).encode(), hashlib.sha256)
        return MARK + made.hexdigest()


def missing_content(events: Sequence[Event]) -> Literal["hashed", "erased"] | None:
    """Say why the content of a run cannot be read, if it cannot."""
    if any(event.body == ERASED for event in events):
        return "erased"
    started = events[0].body if events else {}
    return "hashed" if started.get("content") == "hashed" else None


def require_content(run: str, events: Sequence[Event], what: str) -> None:
    """Refuse what needs the content of a run that keeps none.

    Args:
        run: The run.
        events: Its events.
        what: What needs the content, as `compared` or `continued`.

    Raises:
        Problem: If content is kept as hashes, or was erased.
    """
    missing = missing_content(events)
    if missing is not None:
        why = "keeps hashes of its content" if missing == "hashed" else "had its content erased"
        raise problem(
            "content-not-kept",
            f"run {run} {why}, and cannot be {what}",
            hint=f"agentctl trace show {run} shows what is left",
        )


__all__ = [
    "KEY_VARIABLE",
    "LEAST_KEY",
    "MARK",
    "ContentKeeper",
    "Hashed",
    "kept_content",
    "missing_content",
    "require_content",
]
