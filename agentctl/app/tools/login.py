"""Log a person in to a server that a manifest declares with `auth: {kind: login}`."""

import os
from collections.abc import Callable
from pathlib import Path

from agentctl.core.errors import problem
from agentctl.core.text import did_you_mean
from agentctl.specs.loading.project import Project
from agentctl.specs.shapes.live import LoginAuth, Server, auth_parts
from agentctl.toolbox.importing.sources import new_token
from agentctl.toolbox.tokens import keep_token, token_file
from agentctl.toolbox.variables import ManifestVariables, token_folder


def log_in_to(project: Project, name: str, show: Callable[[str], None]) -> Path:
    """Log in to a server of the project, and keep the token.

    Args:
        project: The project.
        name: Of the login, as `auth: {kind: login, name: ...}` says it.
        show: Given the address that the person opens in a browser.

    Returns:
        The file that holds the token now.

    Raises:
        Problem: If no server declares such a login, or it fails.
    """
    declared = {
        part.name: (server, part)
        for manifest in project.manifests
        for server in manifest.model.servers.values()
        for part in auth_parts(server.auth)
        if isinstance(part, LoginAuth)
    }
    if name not in declared:
        message = f"no server declares `auth: {{kind: login, name: {name}}}`"
        raise problem("unknown-login", message, hint=did_you_mean(name, declared))
    server, auth = declared[name]
    url = ManifestVariables({}, {}, os.environ, {}).address(server.url or "", name)
    return keep_login(project, url, server, auth, show)


def keep_login(
    project: Project, url: str, server: Server, auth: LoginAuth, show: Callable[[str], None]
) -> Path:
    """Log in to a server at an address, and keep the token under the name of its login.

    Raises:
        Problem: If it fails.
    """
    token = new_token(
        url, show, allow_private=server.allow_private, scopes=" ".join(auth.scopes) or None
    )
    path = token_file(token_folder(project.root), auth.name)
    keep_token(path, token)
    return path


__all__ = ["keep_login", "log_in_to"]
