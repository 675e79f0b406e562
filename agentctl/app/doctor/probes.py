"""Ask what is outside whether it answers: models for one tool call, servers for a connection.

This is the part of `agentctl doctor` that leaves the machine, so it runs only where it was asked
for. A model is asked at most twice; a server is connected to and told nothing.
"""

import socket
import time
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from agentctl.app.doctor.machine import FindingStatus, HealthFinding
from agentctl.core.canonical import Json, NotCanonical, parse_strict
from agentctl.core.errors import Problem
from agentctl.core.messages import Message, ToolCall
from agentctl.models.opening import open_model
from agentctl.models.port import ModelFault, Request, ToolOffer
from agentctl.models.provider.failures import PASSING
from agentctl.models.provider.live import open_litellm
from agentctl.specs.shapes.agent import ModelSpec
from agentctl.specs.shapes.bundle import Bundle
from agentctl.specs.shapes.live import Server
from agentctl.specs.shapes.live_kinds import HttpLive
from agentctl.toolbox.variables import variables_of

CONNECT_S = 2.0
"""Seconds a server has to take a connection."""
PROBE_S = 60.0
"""Seconds a model has to answer, all attempts together."""
ADD = ToolOffer(
    "add",
    "Add two whole numbers.",
    {
        "type": "object",
        "required": ["a", "b"],
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    },
)
TASK = Request(
    (
        Message("system", "You add numbers with the tool `add`. Never add by yourself."),
        Message("user", "What is 17 plus 25?"),
    ),
    (ADD,),
)
_WANTED: dict[str, Json] = {"a": 17, "b": 25}
_PORTS = {"http": 80, "https": 443, "postgresql": 5432}


def servers(bundle: Bundle, environment: str | None) -> Iterator[HealthFinding]:
    """Connect to every server that an agent's files name by its address, and say nothing to it."""
    for host, port in dict.fromkeys(_addresses(bundle, environment)):
        yield connect(host, port)


def connect(host: str, port: int) -> HealthFinding:
    """Look whether a server takes connections."""
    try:
        socket.create_connection((host, port), CONNECT_S).close()
    except OSError as error:
        why = error.strerror or str(error) or type(error).__name__
        hint = "start it, or correct its address"
        return HealthFinding("servers", "fail", f"{host}:{port} cannot be reached: {why}", hint)
    return HealthFinding("servers", "ok", f"{host}:{port} takes connections")


def _addresses(bundle: Bundle, environment: str | None) -> Iterator[tuple[str, int]]:
    base_url = bundle.agent.model.base_url
    urls = [base_url] if base_url else []
    try:
        variables = variables_of(bundle, environment)
    except Problem:
        return
    for name, tool in bundle.tools.items():
        for part in (tool.live, bundle.servers.get(name)):
            if isinstance(part, HttpLive | Server) and part.url is not None:
                try:
                    urls.append(variables.fill(part.url, name))
                except Problem:
                    continue  # an unset variable has its own finding
    for url in urls:
        try:
            parts = urlsplit(url)
            port = parts.port or _PORTS.get(parts.scheme.partition("+")[0])
        except ValueError:
            continue
        if parts.hostname and port:
            yield parts.hostname, port


def door() -> HealthFinding:
    """Load the library that asks models, which no command does before a model is asked."""
    begun = time.monotonic()
    try:
        open_litellm()
    except ImportError as error:
        return HealthFinding(
            "litellm", "fail", f"litellm cannot be loaded: {error}", "install it again"
        )
    return HealthFinding("litellm", "ok", f"litellm loads in {time.monotonic() - begun:.1f} s")


def model(spec: ModelSpec, env: Mapping[str, str] | None = None) -> HealthFinding:
    """Ask a model to call a tool, and where it does not, for one JSON action.

    Args:
        spec: The `model:` of an agent; its fallbacks are not asked.
        env: Where keys are; left out = the environment of the process.
    """
    alone = spec.model_copy(update={"fallbacks": ()})
    try:
        if _acts(alone.model_copy(update={"mode": "tools"}), env):
            return _told(spec, "tools", f"{spec.name} calls tools")
        if _acts(alone.model_copy(update={"mode": "json-action"}), env):
            what = f"{spec.name} calls no tools, and answers with JSON actions"
            return _told(spec, "json-action", what)
    except Problem as met:
        return HealthFinding(
            "tool calls", "fail", met.diagnostics[0].message, met.diagnostics[0].hint
        )
    except ModelFault as fault:
        status: FindingStatus = "unknown" if fault.kind in PASSING else "fail"
        return HealthFinding("tool calls", status, fault.message, fault.hint)
    what = f"{spec.name} neither calls tools nor answers with JSON actions"
    return HealthFinding(
        "tool calls", "fail", what, "one small probe; try again, or choose another"
    )


def _told(spec: ModelSpec, mode: str, what: str) -> HealthFinding:
    if spec.mode in (mode, "json-action"):
        # A model that calls tools may well be asked for JSON actions.
        return HealthFinding("tool calls", "ok", what)
    return HealthFinding(
        "tool calls", "fail", what, f"write `mode: {mode}` under the agent's `model:`"
    )


def _acts(spec: ModelSpec, env: Mapping[str, str] | None) -> bool:
    try:
        reply = open_model(spec, env=env).reply(TASK, PROBE_S)
    except ModelFault as fault:
        # Some servers refuse a request that offers tools; without tools it may do.
        if fault.kind in ("rejected", "bad_reply") and spec.mode == "tools":
            return False
        raise
    return any(call.name == ADD.name and _arguments(call) == _WANTED for call in reply.calls)


def _arguments(call: ToolCall) -> Json:
    given = call.arguments
    try:
        return parse_strict(given) if isinstance(given, str) else given
    except NotCanonical:
        return None


__all__ = ["ADD", "CONNECT_S", "PROBE_S", "TASK", "connect", "door", "model", "servers"]
