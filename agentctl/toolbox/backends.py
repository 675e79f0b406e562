"""The real systems of one agent: each tool goes to the backend of its `live: {kind: ...}`.

A backend is loaded when a tool needs it: no live run pays for a library that it does not use.
"""

from agentctl.core.errors import problem
from agentctl.core.messages import ToolResult
from agentctl.specs.shapes.backends import backend_part
from agentctl.specs.shapes.tools import ToolSpec
from agentctl.toolbox.port import Backend, BackendCall, Opening


class LiveTools:
    """The live tools of one agent.

    Args:
        opening: The agent, and what it may know.

    Raises:
        Problem: If a tool has no live side, or names a variable that is not set.
    """

    def __init__(self, opening: Opening) -> None:
        kinds: dict[str, dict[str, ToolSpec]] = {}
        for name, tool in opening.bundle.tools.items():
            if tool.live is None:
                raise problem(
                    "no-live-tool",
                    f"`{name}` has no live side",
                    hint="give it `live: {kind: http, url: ...}`, or leave out --live",
                )
            kinds.setdefault(tool.live.kind, {})[name] = tool
        self._variables = opening.variables
        self._opened: list[Backend] = []
        self._backends: dict[str, Backend] = {}
        try:
            for kind, tools in kinds.items():
                backend: Backend = backend_part(kind, "tools")(tools, opening)
                self._opened.append(backend)
                self._backends.update(dict.fromkeys(tools, backend))
        except BaseException:
            self.close()
            raise

    def idempotent(self, name: str) -> bool:
        """Whether the system recognises the key it is sent, so that sending twice is safe."""
        return self._backends[name].idempotent(name)

    def send(self, name: str, call: BackendCall, key: str | None) -> ToolResult:
        """Send one call, and return what the system answers, without the agent's credentials."""
        return self._variables.masked(self._backends[name].send(name, call, key))

    def close(self) -> None:
        """Close connections and end processes."""
        for backend in self._opened:
            backend.close()


__all__ = ["LiveTools"]
