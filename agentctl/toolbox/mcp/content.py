"""Read what a tool of an MCP server returned: structure, else text, else text with attachments.

A model reads text. What else an answer holds (images, audio, files, links) is described by type,
size and hash, so that its text is not lost with it.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any

from agentctl.core.canonical import Json, NotCanonical, canonical_text, check_plain, parse_strict
from agentctl.core.messages import ToolError, ToolErrorKind, ToolResult
from agentctl.core.text import shorten
from agentctl.specs.checks.values import arguments_of

MOST_ERROR = 300
"""Most characters of a server's error message that a model is shown."""


def called_result(answer: Any, schema: Mapping[str, Any] | None, max_bytes: int) -> ToolResult:
    """Return the result that an answer means.

    Args:
        answer: A `CallToolResult` of the SDK.
        schema: Of the tool's results.
        max_bytes: What its canonical JSON may have.
    """
    if answer.is_error:
        return failed("internal", _error_text(answer, schema) or "the tool failed without a reason")
    if answer.structured_content is not None:
        return _value(answer.structured_content, max_bytes)
    texts = [part.text for part in answer.content if part.type == "text"]
    attached = [_described(part) for part in answer.content if part.type != "text"]
    value = _read("\n".join(texts), max_bytes) if texts else None
    if attached:
        value = {**({"text": value} if texts else {}), "attachments": attached}
    return _value(value, max_bytes)


def failed(kind: ToolErrorKind, message: str, *, sent: bool = True) -> ToolResult:
    """Return the result of a call that brought none."""
    return ToolResult(error=ToolError(kind, message), sent=sent)


def _error_text(answer: Any, schema: Mapping[str, Any] | None) -> str:
    """Return what the model is shown of an error: its text, else the fields that a schema names."""
    texts = " ".join(part.text for part in answer.content if part.type == "text")
    structure = answer.structured_content
    if not texts.strip() and isinstance(structure, dict):
        named = arguments_of(dict(schema or {}))
        known = {key: value for key, value in structure.items() if key in named}
        try:
            texts = canonical_text(known) if known else ""
        except NotCanonical:
            texts = ""
    return shorten(texts, MOST_ERROR)


def _described(part: Any) -> dict[str, Json]:
    """Return what is told of a part that is not text."""
    said: dict[str, Json] = {"type": part.type}
    match part.type:
        case "image" | "audio":
            said |= {"mime_type": part.mime_type, **_sized(part.data)}
        case "resource":
            inside = part.resource
            said |= _given(uri=str(inside.uri), mime_type=inside.mime_type)
            if getattr(inside, "text", None) is not None:
                said["text"] = inside.text
            else:
                said |= _sized(inside.blob)
        case "resource_link":
            said |= _given(
                uri=str(part.uri), name=part.name, mime_type=part.mime_type, bytes=part.size
            )
    return said


def _sized(data: str) -> dict[str, Json]:
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return {"unreadable": "it is not base64"}
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _given(**fields: Json) -> dict[str, Json]:
    return {name: value for name, value in fields.items() if value is not None}


def _read(text: str, max_bytes: int) -> Json:
    """Return the object or list that a text is, else the text: `007` is no number."""
    if text.lstrip()[:1] in ("{", "["):
        try:
            return parse_strict(text, max_bytes=max_bytes)
        except NotCanonical:
            return text
    return text


def _value(value: Json, max_bytes: int) -> ToolResult:
    try:
        check_plain(value)
        size = len(canonical_text(value).encode())
    except NotCanonical as error:
        return failed("invalid_output", f"the answer is not plain JSON: {error}")
    if size > max_bytes:
        return failed("invalid_output", f"the answer is longer than {max_bytes} bytes")
    return ToolResult(value)


__all__ = ["MOST_ERROR", "called_result", "failed"]
