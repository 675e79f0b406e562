"""Any model as one that answers with JSON: for those that cannot be trusted with tool calls.

The model reads about its tools in words and answers with one JSON action a turn; from there on it
is a call like any other. What it writes is read leniently, and what cannot be read is its own
mistake: it becomes a call that the authorizer refuses, so that it is recorded, fed back and
counted.
"""

import re
from collections.abc import Iterable, Iterator

from agentctl.core.canonical import Json, NotCanonical, canonical_text, parse_strict
from agentctl.core.messages import Message, ModelReply, ToolCall
from agentctl.models.lenient_json import objects_in, without_reasoning
from agentctl.models.port import Model, Request, ToolOffer

UNREADABLE = "unreadable_action"
"""Stands for the name of a tool where none can be read."""

_NAMES = ("action", "tool", "name")
_ARGUMENTS = ("arguments", "args", "parameters", "input")
_NAMED = re.compile(r"""["'](?:action|tool|name)["']\s*:\s*["']([^"']{1,64})["']""")
_AGAIN = "That was not one JSON action. Answer with exactly one JSON object as you were told."


class JsonActions:
    """Puts every request and every reply of `inner` into words.

    Args:
        inner: The model that is asked; it is offered no tools.
    """

    def __init__(self, inner: Model) -> None:
        self._inner = inner

    @property
    def name(self) -> str:
        """The name of the model that is asked."""
        return self._inner.name

    def reply(self, request: Request, timeout_s: float) -> ModelReply:
        """Return the next turn within `timeout_s` seconds.

        Raises:
            ModelFault: If there is none.
        """
        return parse_action(self._inner.reply(as_text_request(request), timeout_s), request)


def as_text_request(request: Request) -> Request:
    """Return a request that offers no tools and tells of them instead."""
    names = {call.id: call.name for message in request.messages for call in message.calls}
    malformed = {
        call.id
        for message in request.messages
        for call in message.calls
        if isinstance(call.arguments, str)
    }
    messages = [_as_text(message, names, malformed) for message in request.messages]
    messages.append(Message("system", action_contract(request)))
    # One system message, and it comes first; what the agent is told stands before how to say it.
    messages.sort(key=lambda message: message.role != "system")
    return Request(tuple(_merged(messages)))


def action_contract(request: Request) -> str:
    """Return what the model is told about how to act and to answer."""
    parts = ["Answer with exactly one JSON object and nothing else, in one of these forms."]
    if request.tools:
        parts.append('To use a tool: {"action": "<name of the tool>", "arguments": {...}}')
    if request.output is None:
        parts.append('To answer the user: {"answer": "<your words>"}')
    else:
        parts.append('To answer: {"answer": <the object of the schema>}')
        parts.append(f"The schema of the answer: {canonical_text(request.output)}")
    if request.tools:
        parts.append("You are sent the result of each action; then act again or answer.")
        parts.append("Tools, each with the JSON Schema of its arguments:")
        parts += map(_tool, request.tools)
    return "\n".join(parts)


def _tool(offer: ToolOffer) -> str:
    schema = canonical_text({"type": "object", **offer.parameters})
    return f"- {offer.name}: {offer.description} {schema}"


def _as_text(message: Message, names: dict[str, str], malformed: set[str]) -> Message:
    """Return one message as the model reads it: actions are its own words, results the user's."""
    match message.role:
        case "tool":
            result = f"Result of {names.get(message.call_id or '', 'the action')}: " + (
                canonical_text(message.content)
            )
            again = message.call_id in malformed
            return Message("user", f"{result}\n{_AGAIN}" if again else result)
        case "assistant" if message.calls:
            said = [str(message.content)] if message.content else []
            return Message("assistant", "\n".join([*said, *map(_action, message.calls)]))
        case "assistant":
            return Message("assistant", canonical_text({"answer": _answer(message.content)}))
    return message


def _answer(content: Json) -> Json:
    """Return an answer as the model gave it: an object where it was one."""
    try:
        found = parse_strict(str(content))
    except NotCanonical:
        return content
    return found if isinstance(found, dict) else content


def _action(call: ToolCall) -> str:
    if isinstance(call.arguments, str) and "{" in call.arguments:
        return call.arguments
    try:
        return canonical_text({"action": call.name, "arguments": call.arguments})
    except NotCanonical:
        return canonical_text({"action": call.name, "arguments": {}})


def _merged(messages: Iterable[Message]) -> Iterator[Message]:
    """Join what one side says in a row: many chat templates want the sides to take turns."""
    last: Message | None = None
    for message in messages:
        if last is not None and last.role == message.role:
            last = last._replace(content=f"{_text(last)}\n\n{_text(message)}")
            continue
        if last is not None:
            yield last
        last = message
    if last is not None:
        yield last


def _text(message: Message) -> str:
    content = message.content
    return content if isinstance(content, str) else canonical_text(content)


def parse_action(reply: ModelReply, request: Request) -> ModelReply:
    """Return what the model meant by its text.

    Args:
        reply: What it said. Calls it made by itself, where a server reads them, are left alone.
        request: What was asked, with its tools.
    """
    if reply.calls:
        return reply
    text = without_reasoning(reply.text or "").strip()
    unread = None
    for start, found in objects_in(text):
        if found is None:
            named = _NAMED.search(text, start)
            unread = named[1] if named else UNREADABLE
        elif (call := _call_of(found, request)) is not None:
            # What a model says after its first action is what it imagines came of it.
            said = _text_before(text[:start])
            call = call._replace(id=_new_id(request))
            return reply._replace(text=said, calls=(call,), output=None)
        elif "answer" in found:
            return _answered(reply, found["answer"], request)
        elif request.output is not None:
            return _answered(reply, found, request)
        else:
            unread = UNREADABLE
    if unread is None:
        return _answered(reply, text, request)
    call = ToolCall(_new_id(request), unread, text)
    return reply._replace(text=None, calls=(call,), output=None)


def _call_of(found: dict[str, Json], request: Request) -> ToolCall | None:
    """Return the call that an object stands for, if it is an action; its id is given later."""
    name = next((found[key] for key in _NAMES if isinstance(found.get(key), str)), None)
    given = next((found[key] for key in _ARGUMENTS if key in found), None)
    if name is None:
        return None
    # A structured answer may well have a `name`, or an `action`, of its own.
    whole = "action" in found and given is not None
    if request.output is not None and not whole and name not in {t.name for t in request.tools}:
        return None
    if given is None:
        given = {}
    return ToolCall("", name, given if isinstance(given, dict | str) else canonical_text(given))


def _answered(reply: ModelReply, answer: Json, request: Request) -> ModelReply:
    text = answer if isinstance(answer, str) else canonical_text(answer)
    wanted = request.output is not None and not isinstance(answer, str)
    return reply._replace(text=text, output=answer if wanted else None)


def _text_before(text: str) -> str | None:
    """Return what a model says before its action, without the opening of a fence."""
    return re.sub(r"```\w*\s*$", "", text).strip() or None


def _new_id(request: Request) -> str:
    taken = {call.id for message in request.messages for call in message.calls}
    number = len(taken) + 1
    while f"action_{number}" in taken:
        number += 1
    return f"action_{number}"


__all__ = ["UNREADABLE", "JsonActions", "action_contract", "as_text_request", "parse_action"]
