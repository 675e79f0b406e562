"""Has each agent an identity of its own, no wider than its tools, and is no secret in git?

A credential that two agents share cannot be taken from one of them, and says in no log which of
them it was. Each function yields what is wrong, at its place; none of them raises.
"""

import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from agentctl.core.errors import Diagnostic
from agentctl.core.text import variables_in
from agentctl.specs.checks.tools.servers import secret_in
from agentctl.specs.reading.decode import Loaded
from agentctl.specs.reading.yaml import Source, YamlPath
from agentctl.specs.shapes.agent import AgentSpec
from agentctl.specs.shapes.bundle import Bundle
from agentctl.specs.shapes.live import (
    Auth,
    BasicAuth,
    BearerAuth,
    CookieAuth,
    HeaderAuth,
    Live,
    OAuth2Auth,
    QueryAuth,
    Server,
    auth_parts,
    server_of,
)
from agentctl.specs.shapes.live_kinds import HttpLive
from agentctl.specs.shapes.project import ProjectSpec
from agentctl.specs.shapes.tools import ToolManifest

_GIT_S = 10.0


def credentials_of(bundle: Bundle) -> dict[str, tuple[str, str]]:
    """Return the variables by which an agent is known: own name -> name in the manifest, tool.

    They are those of `auth:` and of headers, but for what `agentctl.yaml` says in plain text.
    """
    plain = {
        name for known in bundle.project.environments.values() for name in known.variables
    }  # fmt: skip
    found: dict[str, tuple[str, str]] = {}
    for tool in bundle.tools.values():
        if tool.live is None:
            continue
        for text in _shown(tool.live, bundle.servers.get(tool.name)):
            for name in variables_in(text):
                own = bundle.agent.credentials.get(name, name)
                if own not in plain:
                    found.setdefault(own, (name, tool.name))
    return found


def shared_credentials(
    mine: Bundle, source: Source, first: Mapping[str, str]
) -> Iterator[Diagnostic]:
    """Yield the credentials of an agent that are another agent's.

    Args:
        mine: The agent.
        source: Its file.
        first: Variable -> the first agent of the project that is known by it.
    """
    agent = mine.agent
    for own, (name, tool) in credentials_of(mine).items():
        other = first.get(own, agent.name)
        if other == agent.name:
            continue
        renamed = name in agent.credentials
        at = source.at("credentials", name) if renamed else source.at(*_place_of(agent, tool))
        message = f"agents `{other}` and `{agent.name}` share the credential {own} (`{tool}`)"
        example = f"{agent.name.upper().replace('-', '_')}_{name}"
        hint = f"give each one of its own: `credentials: {{{name}: {example}}}`"
        yield Diagnostic("shared-credential", message, at, hint)


def wide_scopes(
    agent: AgentSpec, manifests: Iterable[Loaded[ToolManifest]]
) -> Iterator[Diagnostic]:
    """Yield the OAuth scopes an agent asks for, and none of its tools needs.

    Args:
        agent: The agent.
        manifests: Those its tools come from.
    """
    places: dict[OAuth2Auth, tuple[Source, YamlPath]] = {}
    needed: dict[OAuth2Auth, set[str]] = {}
    where: YamlPath
    for manifest in manifests:
        for index, tool in enumerate(manifest.model.tools):
            if tool.live is None or tool.name not in agent.tools:
                continue
            name, where = server_of(tool.live) or "", ("tools", index, "live", "auth")
            server, auth = manifest.model.servers.get(name), _own_auth(tool.live)
            if auth is None and server is not None:
                auth, where = server.auth, ("servers", name, "auth")
            for nth, part in enumerate(auth_parts(auth)):
                if isinstance(part, OAuth2Auth):
                    there = where if part is auth else (*where, "of", nth)
                    places.setdefault(part, (manifest.source, there))
                    needed.setdefault(part, set()).update(tool.scopes)
    for auth, (source, where) in places.items():
        for index, scope in enumerate(auth.scopes):
            if scope not in needed[auth]:
                message = (
                    f"agent `{agent.name}` asks for the scope `{scope}`, and none of its tools that"
                    " use this `auth` needs it"
                )
                hint = "leave it out, or name it under `scopes:` of the tool that needs it"
                yield Diagnostic("wide-scopes", message, source.at(*where, "scopes", index), hint)


def project_secrets(project: ProjectSpec, source: Source, root: Path) -> Iterator[Diagnostic]:
    """Yield the secrets of a project's environments that are, or look, committed."""
    for name, environment in project.environments.items():
        here = ("environments", name)
        for variable, value in environment.variables.items():
            if secret_in(variable, value):
                at = replace(source.at(*here, "variables", variable), text=None)
                message = f"`{variable}` is a secret in plain text"
                hint = "export it, or put it into the `env_file`, which is kept out of git"
                yield Diagnostic("secret-in-file", message, at, hint)
        if environment.env_file is not None and tracked(root, environment.env_file):
            message = f"git keeps {environment.env_file}, which holds secrets"
            hint = (
                f"git rm --cached {environment.env_file}, add it to .gitignore, and change what"
                " was in it"
            )
            at = source.at(*here, "env_file")
            yield Diagnostic("secret-in-git", message, at, hint)


def tracked(root: Path, file: str) -> bool:
    """Whether git keeps a file; `False` where there is no git, or no repository."""
    command = ["git", "ls-files", "--error-unmatch", "--", file]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, timeout=_GIT_S, check=False)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _shown(live: Live, server: Server | None) -> Iterator[str]:
    """Yield the texts by which a tool's system knows who calls."""
    if isinstance(live, HttpLive):
        yield from live.headers.values()
    if server is not None:
        yield from server.headers.values()
    for auth in auth_parts(_own_auth(live) or (server.auth if server else None)):
        match auth:
            case BearerAuth() | HeaderAuth() | QueryAuth() | CookieAuth():
                yield auth.token
            case BasicAuth(user=user, password=password):
                yield from (user, password)
            case OAuth2Auth():
                yield from (auth.client_id, auth.client_secret)
                if auth.refresh_token is not None:
                    yield auth.refresh_token


def _own_auth(live: Live) -> Auth | None:
    return live.auth if isinstance(live, HttpLive) else None


def _place_of(agent: AgentSpec, tool: str) -> YamlPath:
    return ("tools", agent.tools.index(tool))


__all__ = [
    "credentials_of",
    "project_secrets",
    "shared_credentials",
    "tracked",
    "wide_scopes",
]
