"""Look at each message of an MCP server before the SDK does.

The SDK refuses a page of tools as a whole where one of them breaks the protocol: here that tool is
replaced by one that is marked, so that it costs nothing but itself. What a server asks of its
client, other than a question to a person, is declined by the SDK; its name is noted, so that the
error of the call can say it.
"""

from typing import Any

from mcp_types import methods
from mcp_types.version import LATEST_MODERN_VERSION
from pydantic import ValidationError

from agentctl.core.text import shorten
from agentctl.toolbox.mcp.definitions import INVALID

_ASKS = {
    "sampling/createMessage": "to sample a model",
    "roots/list": "to list folders",
}
"""Requests that are declined."""
_MOST_NAME = 256
_MOST_REASON = 200


class Screening:
    """What was seen in the messages of one server."""

    def __init__(self) -> None:
        self.declined: str | None = None
        """What the server last asked for and did not get."""
        self._version = LATEST_MODERN_VERSION

    def screen(self, item: Any) -> Any:
        """Return a message as the SDK may have it; anything else as it is."""
        message = getattr(item, "message", None)
        result = getattr(message, "result", None)
        if isinstance(result, dict):
            if isinstance(result.get("protocolVersion"), str):
                self._version = result["protocolVersion"]
            if isinstance(result.get("tools"), list):
                result["tools"] = [self._tool(one, result) for one in result["tools"]]
            asked = result.get("inputRequests")
            for request in asked.values() if isinstance(asked, dict) else ():
                if isinstance(request, dict):
                    self._note(request.get("method"), request.get("params"))
        else:
            self._note(getattr(message, "method", None), getattr(message, "params", None))
        return item

    def _note(self, method: Any, params: Any) -> None:
        asks = _ASKS.get(method) if isinstance(method, str) else None
        mode = params.get("mode") if isinstance(params, dict) else None
        if method == "elicitation/create" and mode == "url":
            asks = "a person to visit an address"
        self.declined = asks or self.declined

    def _tool(self, listed: Any, page: dict[str, Any]) -> Any:
        try:
            methods.validate_server_result("tools/list", self._version, {**page, "tools": [listed]})
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = first["loc"]
            if place[:1] != ("tools",):
                return listed  # the page itself is wrong, which the SDK says
            where = ".".join(map(str, place[2:]))
            why = f"{where}: {first['msg']}" if where else first["msg"]
            return _marked(listed, shorten(why, _MOST_REASON))
        except KeyError:
            pass  # a version that the SDK does not know either
        return listed


def _marked(listed: Any, why: str) -> dict[str, Any]:
    name = listed.get("name") if isinstance(listed, dict) else None
    kept = name[:_MOST_NAME] if isinstance(name, str) and name else "(no name)"
    return {"name": kept, "inputSchema": {"type": "object"}, "_meta": {INVALID: why}}


__all__ = ["Screening"]
