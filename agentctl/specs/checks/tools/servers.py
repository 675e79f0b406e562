"""How does a system know who calls, and does no secret stand in a manifest?

Each function yields what is wrong, at its place; none of them raises. The line of a secret is not
shown again: what `check` prints ends up in the log of a CI system.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from agentctl.core.errors import Diagnostic
from agentctl.core.masking import masked
from agentctl.specs.checks.values import CheckedPlace
from agentctl.specs.reading.yaml import Source
from agentctl.specs.shapes.live import Auth, HeaderAuth, auth_parts
from agentctl.specs.shapes.tools import ToolManifest

PATH = re.compile(r"\$(?:\.\w+)*")
"""`$` for a result itself, `$.items` for a field of it."""
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_SECRET_HEADERS = re.compile(r"(?i)^(?:proxy-authorization|cookie|.*-auth)$")
"""Beside those whose name says it anywhere."""
_USERINFO = re.compile(r"://[^/?#@]*:(?!\$\{)[^/?#@]*@")
_PAIR = re.compile(r"(-{0,2}[A-Za-z][\w.-]*)[=:](?!//)\s*(.+)", re.DOTALL)
"""`--token=x`, `TOKEN=x`, `Authorization: x`."""
_FROM_ENVIRONMENT = "write `${NAME}`; the value comes from the environment of the run"


def server_problems(manifest: ToolManifest, source: Source) -> Iterator[Diagnostic]:
    """Yield what is wrong with the servers of a manifest."""
    for name, server in manifest.servers.items():
        yield from caller_problems(
            server.headers, server.url, server.auth, source, ("servers", name)
        )
        secret = secret_in_command(server.command or ())
        if secret is not None:
            at = replace(source.at("servers", name, "command", secret.number), text=None)
            message = f"the command holds a secret in plain text ({secret.place})"
            hint = f"write `{secret.instead}`; the value comes from the environment of the run"
            yield Diagnostic("secret-in-file", message, at, hint)


def caller_problems(
    headers: Mapping[str, str],
    url: str | None,
    auth: Auth | None,
    source: Source,
    here: CheckedPlace,
) -> Iterator[Diagnostic]:
    """Yield what is wrong with how a system knows who calls."""
    yield from _header_problems(headers, source, (*here, "headers"))
    yield from _userinfo_problems(url, source, (*here, "url"))
    for part in auth_parts(auth):
        if isinstance(part, HeaderAuth):
            yield from header_name_problems(part.header, source, (*here, "auth", "header"))


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


def header_name_problems(
    name: str | None, source: Source, here: CheckedPlace
) -> Iterator[Diagnostic]:
    """Yield that no header can be called so."""
    if name is not None and not _HEADER.fullmatch(name):
        at = source.at(*here)
        yield Diagnostic("bad-header", f"`{name}` is not a valid header name", at)


def _userinfo_problems(url: str | None, source: Source, here: CheckedPlace) -> Iterator[Diagnostic]:
    """Yield the password that stands in an address; a variable is no password."""
    if _USERINFO.search(url or "") is not None:
        at = replace(source.at(*here), text=None)
        message = "the address holds a password in plain text"
        yield Diagnostic("secret-in-file", message, at, _FROM_ENVIRONMENT)


class CommandSecret(NamedTuple):
    """A secret among the words of a command."""

    number: int
    """Which word, counted from 0."""
    place: str
    """How a message names it: by its option or its number, never by the value."""
    instead: str
    """What to write in its place."""


def secret_in_command(words: Sequence[str]) -> CommandSecret | None:
    """Return the first word of a command that holds a secret.

    >>> secret_in_command(["server", "--api-key", "k-1"])
    CommandSecret(number=2, place='`--api-key`', instead='${API_KEY}')
    >>> secret_in_command(["server", "--api-key", "${API_KEY}", "--verbose"])
    """
    before = ""
    for index, word in enumerate(words):
        pair = _PAIR.fullmatch(word)
        option, value = (pair[1], pair[2]) if pair is not None else (before, word)
        name = option.lstrip("-")
        if name and not value.startswith("-") and secret_in(name.replace(".", "_"), value):
            variable = re.sub(r"\W+", "_", name).upper()
            return CommandSecret(index, f"`{option}`", f"${{{variable}}}")
        if _secret_url(word) or masked(word) != word:
            return CommandSecret(index, f"word {index + 1}", "${NAME}")
        before = word if word.startswith("-") else ""
    return None


def _secret_url(word: str) -> bool:
    """Whether a word is an address with a password or a secret parameter."""
    if _USERINFO.search(word) is not None:
        return True
    _, _, query = word.partition("?") if "://" in word else ("", "", "")
    pairs = (pair.partition("=") for pair in query.split("&"))
    return any(secret_in(name, value) for name, _, value in pairs if value)


def secret_in(name: str, value: str) -> bool:
    """Whether a value is a secret: by its look, or by its name where no variable stands in it."""
    by_look = masked(value) != value
    return by_look or ("${" not in value and masked({name: value}) != {name: value})


__all__ = ["PATH", "caller_problems", "header_name_problems", "secret_in", "server_problems"]
