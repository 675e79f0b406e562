"""What an answer of an MCP server must be before the SDK reads it.

The SDK keeps the last of two equal keys, reads a result and passes over the error beside it, and
takes the answer to `"1"` for that to `1`. An answer that is not clear becomes an error under the
id of its request, so that the call ends at once, and a write in doubt.
"""

import json
import re
from collections.abc import AsyncIterator

from mcp_types import INTERNAL_ERROR, PARSE_ERROR

from agentctl.core.canonical import Json, NotCanonical, parse_strict

_LINE_END = re.compile(rb"\r\n|\r(?!\Z)")
"""A line end of an event stream that is not a line feed; a last `\\r` may be half of one."""


class AnswerCheck:
    """Holds the answers of one connection against the requests they are for."""

    def __init__(self) -> None:
        self._asked: dict[tuple[type, Json] | None, Json] = {}
        """Id of a request -> its method."""

    def asked(self, message: bytes) -> Json:
        """Note a message that goes out: what is a request may be answered once; return its id."""
        sent = _object(message)
        if sent is None or "method" not in sent or not _plain_id(sent):
            return None
        self._asked[type(sent["id"]), sent["id"]] = sent["method"]
        return sent["id"]

    def checked(self, message: bytes) -> bytes | None:
        """Return what the SDK may read in place of a message; `None` = an answer to no request."""
        heard = _object(message)
        if heard is None or "method" in heard or heard.get("id") is None:
            return message
        key = (type(heard["id"]), heard["id"]) if _plain_id(heard) else None
        if key not in self._asked:
            return None
        method = self._asked.pop(key)
        if "result" in heard and "error" in heard:
            return _refused(heard["id"], INTERNAL_ERROR, "it answered with a result and an error")
        if method == "tools/list":
            return message  # each tool is looked at on its own: one costs no other
        try:
            parse_strict(message.decode(), max_bytes=len(message))
        except (NotCanonical, UnicodeDecodeError) as error:
            why = f"its answer is not plain JSON: {error}"
            return _refused(heard["id"], PARSE_ERROR, why)
        return message

    def checked_reply(self, message: bytes, request_id: Json) -> bytes:
        """Return what the SDK may read in place of the only reply to a request."""
        passed = self.checked(message)
        if passed is None:
            return _refused(request_id, INTERNAL_ERROR, "it answered another request")
        return passed

    async def checked_events(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield an event stream event by event, without answers to no request."""
        rest = b""
        async for chunk in chunks:
            *events, rest = _LINE_END.sub(b"\n", rest + chunk).split(b"\n\n")
            for event in events:
                passed = self._event(event)
                if passed is not None:
                    yield passed + b"\n\n"
        for event in rest.replace(b"\r", b"\n").split(b"\n\n"):
            yield self._event(event) or b""

    def _event(self, event: bytes) -> bytes | None:
        lines = event.split(b"\n")
        data = [line.partition(b":")[2] for line in lines if line.startswith(b"data:")]
        if not data:
            return event
        passed = self.checked(b" ".join(data).strip())
        if passed is None:
            return None
        others = [line for line in lines if not line.startswith(b"data:")]
        return b"\n".join([*others, b"data: " + passed])


def _object(message: bytes) -> dict[str, Json] | None:
    try:
        value = json.loads(message)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _plain_id(message: dict[str, Json]) -> bool:
    return type(message.get("id")) in (int, str)


def _refused(request_id: Json, code: int, why: str) -> bytes:
    error = {"code": code, "message": why}
    return json.dumps({"jsonrpc": "2.0", "id": request_id, "error": error}).encode()


__all__ = ["AnswerCheck"]
