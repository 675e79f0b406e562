"""Where tools are imported from: an MCP server that lists them, or an OpenAPI document.

The libraries that talk to either are loaded when one is asked. Nothing here calls a tool.
"""

from collections.abc import Callable, Mapping
from contextlib import closing
from importlib import import_module
from pathlib import Path
from typing import Any

from agentctl.core.canonical import Json
from agentctl.core.errors import problem
from agentctl.core.exits import ExitCode
from agentctl.core.masking import masked
from agentctl.specs.shapes.live import Server
from agentctl.toolbox.mcp.definitions import Definition
from agentctl.toolbox.tokens import KeptToken
from agentctl.toolbox.variables import ManifestVariables

_WITHIN_S = 30.0
"""Seconds a server has to list its tools, or to send its document."""


def is_url(text: str) -> bool:
    """Whether a person pointed at an address, and not at a file or a program."""
    return text.startswith(("http://", "https://"))


def listed_tools(
    name: str,
    server: Mapping[str, Json],
    folder: Path,
    env: Mapping[str, str],
    tokens: Path | None = None,
) -> list[Definition]:
    """Return the tools as an MCP server lists them.

    Args:
        name: What it is called, for messages.
        server: As a manifest declares it.
        folder: Of the manifest.
        env: Where `${NAME}` is looked up.
        tokens: Where the tokens of people who logged in are kept.

    Raises:
        Problem: If it cannot be reached, or does not list them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    declared = Server.model_validate(dict(server))
    fault = _late("agentctl.toolbox.mcp.session").McpFault
    opened = _late("agentctl.toolbox.mcp.server").open_session
    variables = ManifestVariables({}, {}, env, {}, tokens)
    with closing(opened(name, declared, folder, variables)) as session:
        try:
            found: list[Definition] = session.listing(_WITHIN_S)
        except fault as error:
            raise problem(
                "unreachable-server",
                f"MCP server `{name}`: {masked(variables.masked_text(str(error)))}",
                hint="start it by hand to see what it says",
                exit_code=ExitCode.UNKNOWN,
            ) from error
    return found


def new_token(
    url: str, show: Callable[[str], None], *, allow_private: bool, scopes: str | None
) -> KeptToken:
    """Ask a person to log in to an MCP server in a browser, and return the token.

    Raises:
        Problem: If they do not, or the server gives none.
    """
    _late("agentctl.toolbox.mcp.session")  # says what to install
    found: KeptToken = _late("agentctl.toolbox.mcp.login").log_in(
        url, show, allow_private=allow_private, scopes=scopes
    )
    return found


def is_inside_a_network(url: str) -> bool:
    """Whether the address of an MCP server lies inside a private network."""
    return _late("agentctl.toolbox.mcp.server").private_address(url) is not None


def fetched(url: str, most: int) -> str:
    """Return the text at an address; redirects are not followed.

    Raises:
        Problem: If there is none, or it is longer than `most` bytes.
    """
    httpx, content = _late("httpx"), b""
    try:
        with httpx.stream("GET", url, timeout=_WITHIN_S, follow_redirects=False) as response:
            if not response.is_success:
                raise _refused(url, f"HTTP {response.status_code}")
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > most:
                    raise _refused(url, f"it is longer than {most} bytes")
        return content.decode()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _refused(url, str(error).splitlines()[0] if str(error) else "no answer") from error
    except UnicodeDecodeError as error:
        raise _refused(url, "it is not UTF-8") from error


def _refused(url: str, why: str) -> Exception:
    host = url.split("/")[2].rpartition("@")[2]
    return problem("unreachable", f"cannot read from {host}: {why}", exit_code=ExitCode.UNKNOWN)


def _late(module: str) -> Any:
    return import_module(module)


__all__ = ["fetched", "is_inside_a_network", "is_url", "listed_tools", "new_token"]
