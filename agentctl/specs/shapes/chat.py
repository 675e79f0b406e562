"""OpenAI chat messages as recorded turns, and nothing else of that format.

Messages are read as providers and frameworks log them: `content` as text or as parts, arguments as
JSON text, the older `function_call`, tool results beside the call they answer.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

_SILENT = ("system", "developer")
"""Roles that instruct the agent; what they say is no turn of the dialogue."""

_CALLS = ("tool_use", "tool_result", "tool-call", "tool-result", "function_call")
"""Parts by which other formats write calls and results among the words: not to be lost."""


def turns_of_messages(messages: Any) -> list[dict[str, Any]]:
    """Return chat messages as turns, in order, results of tools on the calls they answer.

    >>> turns_of_messages([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": ""}])
    [{'user': 'Hi'}, {'say': ''}]

    Args:
        messages: A list of `{role, content, tool_calls?, tool_call_id?}`.

    Raises:
        ValueError: If a message is of another shape; the text names its position.
    """
    if not isinstance(messages, list):
        raise ValueError(f"expected a list of chat messages, got {type(messages).__name__}")
    turns: list[dict[str, Any]] = []
    waiting: list[dict[str, Any]] = []
    for number, message in enumerate(messages):
        role = message.get("role") if isinstance(message, Mapping) else None
        match role:
            case "user":
                turns.append({"user": _text(message, number)})
            case "assistant":
                waiting = list(_calls(message, number))
                turns.append(_turn(message, number, waiting))
            case "tool" | "function":
                _answer(waiting, message)
            case role if role not in _SILENT:
                raise ValueError(
                    f"message {number}: expected role system, user, assistant or tool, got {role!r}"
                )
    return turns


def _turn(message: Mapping[str, Any], number: int, calls: list[dict[str, Any]]) -> dict[str, Any]:
    turn: dict[str, Any] = {"calls": calls} if calls else {}
    if message.get("content") is not None or not calls:
        turn["say"] = _text(message, number)
    return turn


def _calls(message: Mapping[str, Any], number: int) -> Iterator[dict[str, Any]]:
    older = message.get("function_call")
    listed = [{"function": older}] if older else message.get("tool_calls") or []
    if not isinstance(listed, list):
        raise ValueError(f"message {number}: `tool_calls` must be a list")
    for call in listed:
        function = call.get("function", call) if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
            raise ValueError(f"message {number}: a tool call has no function name")
        found = {"tool": function["name"], "args": _arguments(function.get("arguments"))}
        if isinstance(call.get("id"), str) and call["id"]:
            found["id"] = call["id"]
        yield found


def _arguments(written: Any) -> Any:
    """Return the arguments; text stands for what was not a JSON object."""
    if not isinstance(written, str):
        return {} if written is None else written
    try:
        read = json.loads(written) if written.strip() else {}
    except ValueError:
        return written
    return read if isinstance(read, dict) else written


def _answer(waiting: list[dict[str, Any]], message: Mapping[str, Any]) -> None:
    """Put a tool's result on the call it answers: by id, else on the first without one."""
    asked = message.get("tool_call_id")
    open_ = [call for call in waiting if "result" not in call]
    call = next((call for call in open_ if asked is None or call.get("id") == asked), None)
    if call is None:
        return
    content = message.get("content")
    try:
        call["result"] = json.loads(content) if isinstance(content, str) else content
    except ValueError:
        call["result"] = content


def _text(message: Mapping[str, Any], number: int) -> str:
    content = message.get("content")
    if content is None:
        return str(message.get("refusal") or "")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        for part in content:
            kind = part.get("type") if isinstance(part, Mapping) else None
            if kind in _CALLS:
                raise ValueError(
                    f"message {number}: a `{kind}` part is of another format; calls stand under"
                    " `tool_calls`, results in messages of role `tool`"
                )
        texts = (part.get("text") for part in content if isinstance(part, Mapping))
        return "\n".join(text for text in texts if isinstance(text, str))
    raise ValueError(f"message {number}: `content` must be text or a list of parts")


__all__ = ["turns_of_messages"]
