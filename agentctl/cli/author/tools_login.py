"""`agentctl tools login`: get a token for a hosted server, in a browser."""

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from agentctl.app.tools.login import log_in_to
from agentctl.cli.output import note
from agentctl.core.exits import ExitCode
from agentctl.core.text import neutralised
from agentctl.specs.loading.project import Project
from agentctl.specs.reading.locate import shown_path


def login_command(
    name: Annotated[str, typer.Argument(help="The login, as `auth:` of a server names it.")],
) -> int:
    """Log in to a hosted server in a browser, and keep the token outside git."""
    path = log_in_to(Project.find(Path.cwd()), name, show_address)
    note(f"logged in; the token is in {shown_path(path)}, which only you can read")
    return ExitCode.OK


def show_address(address: str) -> None:
    """Tell a person what to open, and open it where there is a browser."""
    note(f"open this address to log in: {neutralised(address)}")
    webbrowser.open(address)


__all__ = ["login_command", "show_address"]
