"""Does what a manifest says about HTTP lead to a call? Addresses, bodies, results, and no secrets.

Each function yields what is wrong, at its place; none of them raises. The line of a secret is not
shown again: what `check` prints ends up in the log of a CI system.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from agentctl.core.errors import Diagnostic
from agentctl.core.masking import masked
from agentctl.specs.checks.values import (
    CheckedPlace,
    LiveTool,
    Scope,
    unknown_name,
    value_problems,
)
from agentctl.specs.reading.yaml import Source
from agentctl.specs.shapes.live import HeaderAuth, Server
from agentctl.specs.shapes.live_kinds import HttpLive
from agentctl.specs.shapes.tools import ToolManifest

PATH = re.compile(r"\$(?:\.\w+)*")
"""`$` for a result itself, `$.items` for a field of it."""
_ABSOLUTE = re.compile(r"https?://|\$\{")
_PLACEHOLDER = re.compile(r"(?<!\$)\{([^{}]*)\}")
_HOST = re.compile(r"^[a-z]+://([^/?#]*)")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_SECRET_HEADERS = re.compile(r"(?i)^(?:proxy-authorization|cookie|.*-auth)$")
"""Beside those whose name says it anywhere."""
_FROM_ENVIRONMENT = "write `${NAME}`; the value comes from the environment of the run"


def server_problems(manifest: ToolManifest, source: Source) -> Iterator[Diagnostic]:
    """Yield what is wrong with the servers of a manifest."""
    for name, server in manifest.servers.items():
        yield from _caller_problems(server, source, ("servers", name))


def http_problems(given: LiveTool) -> Iterator[Diagnostic]:
    """Yield what is wrong with a tool of `kind: http`."""
    tool, server, arguments, source, here = given
    live = tool.live
    assert isinstance(live, HttpLive)
    yield from _caller_problems(live, source, here)
    yield from _name_problems(live.idempotency_header, source, (*here, "idempotency_header"))
    yield from _address_problems(tool.name, live, server, source, here)
    for name in _PLACEHOLDER.findall(live.url):
        if name not in arguments:
            yield unknown_name("argument", name, arguments, source.at(*here, "url"))
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


def _caller_problems(
    part: HttpLive | Server, source: Source, here: CheckedPlace
) -> Iterator[Diagnostic]:
    """Yield what is wrong with how a system knows who calls."""
    yield from _header_problems(part.headers, source, (*here, "headers"))
    yield from _userinfo_problems(part.url, source, (*here, "url"))
    if isinstance(part.auth, HeaderAuth):
        yield from _name_problems(part.auth.header, source, (*here, "auth", "header"))


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


def _header_problems(
    headers: Mapping[str, str], source: Source, here: CheckedPlace
) -> Iterator[Diagnostic]:
    for name, value in headers.items():
        if not _HEADER.fullmatch(name):
            at = replace(source.key_at(*here, name), text=None)
            yield Diagnostic("bad-header", f"`{name}` is not a valid header name", at)
        elif not (value.isascii() and value.isprintable()):
            at = replace(source.at(*here, name), text=None)
            yield Diagnostic("bad-header", f"`{name}` has a value that no header can carry", at)
        if secret_in(name, value) or (_SECRET_HEADERS.match(name) and "${" not in value):
            at = replace(source.at(*here, name), text=None)
            message = f"the header `{name}` holds a secret in plain text"
            yield Diagnostic("secret-in-file", message, at, _FROM_ENVIRONMENT)


def _name_problems(name: str | None, source: Source, here: CheckedPlace) -> Iterator[Diagnostic]:
    if name is not None and not _HEADER.fullmatch(name):
        at = source.at(*here)
        yield Diagnostic("bad-header", f"`{name}` is not a valid header name", at)


def _userinfo_problems(url: str | None, source: Source, here: CheckedPlace) -> Iterator[Diagnostic]:
    """Yield the password that stands in an address; a variable is no password."""
    found = re.search(r"://[^/?#@]*:([^/?#@]*)@", url or "")
    if found is not None and not found[1].startswith("${"):
        at = replace(source.at(*here), text=None)
        message = "the address holds a password in plain text"
        yield Diagnostic("secret-in-file", message, at, _FROM_ENVIRONMENT)


def secret_in(name: str, value: str) -> bool:
    """Whether a value is a secret: by its look, or by its name where no variable stands in it."""
    by_look = masked(value) != value
    return by_look or ("${" not in value and masked({name: value}) != {name: value})


__all__ = ["PATH", "http_problems", "secret_in", "server_problems"]
