"""Does what a manifest says about HTTP lead to a call? Addresses, bodies and results."""

import re
from collections.abc import Collection, Iterator

from agentctl.core.errors import Diagnostic
from agentctl.specs.checks.tools.servers import PATH, caller_problems, header_name_problems
from agentctl.specs.checks.values import (
    CheckedPlace,
    LiveTool,
    Scope,
    unknown_name,
    value_problems,
)
from agentctl.specs.reading.yaml import Source
from agentctl.specs.shapes.live import Server
from agentctl.specs.shapes.live_kinds import HttpLive

_ABSOLUTE = re.compile(r"https?://|\$\{")
_PLACEHOLDER = re.compile(r"(?<!\$)\{([^{}]*)\}")
_QUERY_STYLES = ("form", "spaceDelimited", "pipeDelimited", "deepObject", "json")
_STYLES: dict[str, tuple[str, ...]] = {
    "path": ("simple", "label", "matrix", "json"), "header": ("simple", "json"),
    "query": _QUERY_STYLES, "field": _QUERY_STYLES, "body": (),
}  # fmt: skip
_NEVER_ARGUMENTS = re.compile(
    r"(?i)^(?:(?:proxy-)?authorization|cookie|host|connection|transfer-encoding|content-.*|x-agentctl-.*)$"
)
_HOST = re.compile(r"^[a-z]+://([^/?#]*)")


def http_problems(given: LiveTool) -> Iterator[Diagnostic]:
    """Yield what is wrong with a tool of `kind: http`."""
    tool, server, arguments, source, here = given
    live = tool.live
    assert isinstance(live, HttpLive)
    yield from caller_problems(live.headers, live.url, live.auth, source, here)
    yield from header_name_problems(live.idempotency_header, source, (*here, "idempotency_header"))
    yield from _address_problems(tool.name, live, server, source, here)
    for name in _PLACEHOLDER.findall(live.url):
        if name not in arguments:
            yield unknown_name("argument", name, arguments, source.at(*here, "url"))
    yield from _parameter_problems(live, arguments, source, (*here, "parameters"))
    if live.body is not None:
        if live.method in (None, "GET"):
            message = f"`{tool.name}` reads with GET, which has no body"
            hint = "set `method: POST`, or leave `body` out: arguments become the query"
            yield Diagnostic("dead-field", message, source.key_at(*here, "body"), hint)
        scope = Scope(("args", "principal"), {"args": arguments})
        yield from value_problems(live.body, source, (*here, "body"), scope)
    if not PATH.fullmatch(live.result):
        at = source.at(*here, "result")
        hint = "write `$` for the answer itself, `$.data.items` for a field of it"
        yield Diagnostic("bad-path", f"`{live.result}` is not a path", at, hint)


def _parameter_problems(
    live: HttpLive, arguments: Collection[str], source: Source, here: CheckedPlace
) -> Iterator[Diagnostic]:
    in_url = set(_PLACEHOLDER.findall(live.url))
    for name, parameter in live.parameters.items():
        place, at = parameter.place, source.key_at(*here, name)
        if name not in arguments:
            yield unknown_name("argument", name, arguments, at)
        if (place == "path") != (name in in_url):
            does = "stands" if name in in_url else "does not stand"
            message = f"`{name}` is `in: {place}`, and `{{{name}}}` {does} in the url"
            yield Diagnostic("bad-parameter", message, at, "change either of them")
        if parameter.style is not None and parameter.style not in _STYLES[place]:
            message = f"`style: {parameter.style}` does not exist for `in: {place}`"
            hint = f"use {', '.join(_STYLES[place])}" if _STYLES[place] else "leave it out"
            yield Diagnostic("bad-parameter", message, source.at(*here, name, "style"), hint)
        if place == "header":
            header = parameter.name or name
            yield from header_name_problems(header, source, (*here, name))
            if _NEVER_ARGUMENTS.match(header):
                message = f"the header `{header}` is never an argument: the model would set it"
                hint = "write it under `headers:`, with `${NAME}` for a secret, or use `auth:`"
                yield Diagnostic("bad-parameter", message, at, hint)


def _address_problems(
    tool: str, live: HttpLive, server: Server | None, source: Source, here: CheckedPlace
) -> Iterator[Diagnostic]:
    at, url = source.at(*here, "url"), live.url
    if live.server is None:
        if not _ABSOLUTE.match(url):
            hint = "begin it with https:// or ${NAME}, or name a `server:`"
            yield Diagnostic("no-address", f"`{url}` is not a complete address", at, hint)
        base = url
    elif server is None:
        return  # that there is no such server is told elsewhere
    elif server.url is None:
        message = f"server `{live.server}` is a program, and `{tool}` is reached over HTTP"
        hint = "name a server that has a `url`"
        yield Diagnostic("wrong-server", message, source.at(*here, "server"), hint)
        return
    else:
        base = server.url
        if not _ABSOLUTE.match(base):
            message = f"server `{live.server}` is not reached over HTTP, and `{tool}` is"
            hint = "its `url` begins with https://, http:// or ${NAME}"
            yield Diagnostic("wrong-server", message, source.at(*here, "server"), hint)
        elif not url.startswith("/"):
            message = f"`{url}` does not continue the address of server `{live.server}`"
            hint = "write what comes after it, beginning with `/`; or leave `server` out"
            yield Diagnostic("no-address", message, at, hint)
    host = _HOST.match(base.replace("${", "$("))
    if host is not None and "{" in host[1]:
        message = "an argument is part of the host: the model would choose who gets the call"
        yield Diagnostic("argument-in-host", message, at, "write the host out, or use ${NAME}")


__all__ = ["http_problems"]
