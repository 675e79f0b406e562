"""Say in what a request differs from the recorded one: which message, and where in it.

Both are plain data without secrets, so that a message about them can be shown.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from agentctl.core.canonical import Json, canonical_text, same_value
from agentctl.core.text import shorten

_BEFORE, _AFTER = 24, 40
"""Characters shown around the first difference."""


def request_differences(
    model: dict[str, Json],
    tools: Sequence[Json],
    messages: Sequence[Json],
    model_now: dict[str, Json],
    tools_now: Sequence[Json],
    messages_now: Sequence[Json],
) -> str:
    """Name what differs, the first message before all.

    Args:
        model: Name, settings and so on, as they were recorded.
        tools: The tools that were offered then.
        messages: The conversation then.
        model_now: The same, as it is asked for now.
        tools_now: The tools that are offered now.
        messages_now: The conversation now.
    """
    found = [
        *_of_messages(messages, messages_now),
        *_of_tools(tools, tools_now),
        *_of_model(model, model_now),
    ]
    return "; ".join(found) or "another scenario or trial"


def _of_messages(recorded: Sequence[Json], now: Sequence[Json]) -> Iterator[str]:
    pairs = zip_longest(recorded, now, fillvalue=None)
    for number, (old, new) in enumerate(pairs, start=1):
        if old is None or new is None:
            there = old or new or {}
            verb = "is gone" if new is None else "is new"
            yield f"message {number} ({there['role']}) {verb}: {_start(_text(there['content']))}"
            return
        if not same_value(old, new):
            role = old["role"]
            if new["role"] != role:
                role = f"{role}, now {new['role']}"
            part = "content" if not same_value(old["content"], new["content"]) else "calls"
            was, is_now = _text(old.get(part)), _text(new.get(part))
            if was == is_now:
                # Then it is the call that it answers.
                was, is_now = canonical_text(old), canonical_text(new)
            yield f"message {number} ({role}) differs: {_apart(was, is_now)}"
            return


def _of_tools(recorded: Sequence[Json], now: Sequence[Json]) -> Iterator[str]:
    before = {tool["name"]: tool for tool in recorded}
    after = {tool["name"]: tool for tool in now}
    for name in before:
        if name not in after:
            yield f"tool {name} is no longer offered"
    for name, tool in after.items():
        if name not in before:
            yield f"tool {name} is not offered in the recording"
            continue
        for part in ("description", "parameters"):
            if not same_value(before[name][part], tool[part]):
                apart = _apart(_text(before[name][part]), _text(tool[part]))
                yield f"the {part} of tool {name}: {apart}"


def _of_model(recorded: dict[str, Json], now: dict[str, Json]) -> Iterator[str]:
    if recorded["name"] != now["name"]:
        yield f"the model: recorded {recorded['name']}, now {now['name']}"
    for key in sorted((recorded.keys() | now.keys()) - {"name"}):
        was, is_now = recorded.get(key), now.get(key)
        if not same_value(was, is_now):
            yield f"`{key}` of the model: {_apart(_text(was), _text(is_now))}"


def _text(value: Json) -> str:
    return value if isinstance(value, str) else canonical_text([value])[1:-1]


def _apart(was: str, now: str) -> str:
    """Show two texts around the first place in which they differ."""
    pairs = zip_longest(was, now)
    at = next((n for n, (a, b) in enumerate(pairs) if a != b), len(was))
    # From the start of a word, so that it can be read.
    start = max(0, at - _BEFORE)
    start = was.find(" ", start, at) + 1 or start if start else 0
    return f"recorded {_cut(was, start, at)}, now {_cut(now, start, at)}"


def _cut(text: str, start: int, at: int) -> str:
    end = at + _AFTER
    shown = f"{'…' if start else ''}{text[start:end]}{'…' if end < len(text) else ''}"
    return json.dumps(shown, ensure_ascii=False)


def _start(text: str) -> str:
    return json.dumps(shorten(text, _BEFORE + _AFTER), ensure_ascii=False)


__all__ = ["request_differences"]
