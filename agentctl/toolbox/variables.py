"""What `${NAME}` in a manifest stands for, for one agent in one environment.

An agent has an identity of its own: its spec may say that `CRM_TOKEN` of the manifest is its own
`SUPPORT_CRM_TOKEN`. Values are looked up when a live run begins and are never shown: those that are
credentials are remembered, and masked in whatever comes back.
"""

import os
import re
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit

from agentctl.core.errors import problem
from agentctl.core.masking import without
from agentctl.core.messages import ToolResult
from agentctl.core.text import fill_variables, variables_in
from agentctl.specs.reading.locate import state_folder
from agentctl.specs.shapes.bundle import Bundle
from agentctl.specs.shapes.project import EnvironmentSpec

LEAST_SECRET = 6
"""Characters of the shortest value that is masked; a shorter one would be found in any text."""
_NO_ADDRESS = re.compile(r"[#{}\s]|\?\Z")
"""What no address in a variable may hold: a fragment, an argument; or a query that says nothing."""
_NO_PART = re.compile(r"[#{}\s?]")
"""The same for a variable that something follows, which would end up in its query."""


class ManifestVariables:
    """The variables of one agent: those of the environment it runs in, of the process, of a file.

    Args:
        own: Name in a manifest -> the agent's own variable.
        fixed: What the environment says; it comes first, so that a variable left over in a shell
            cannot send a staging run to production.
        process: The process's own.
        file: Of the environment's file; they come last.
        tokens: Where the tokens of people who logged in are kept.
    """

    def __init__(
        self,
        own: Mapping[str, str],
        fixed: Mapping[str, str],
        process: Mapping[str, str],
        file: Mapping[str, str],
        tokens: Path | None = None,
    ) -> None:
        self.tokens = tokens
        self._own = own
        self._sources = (fixed, process, file)
        self._fixed = frozenset(fixed.values())
        self._secrets: frozenset[str] = frozenset()

    def get(self, name: str) -> str | None:
        """Return the value of `${name}`; `None` where it is not set, or is empty."""
        wanted = self._own.get(name, name)
        return next((found for source in self._sources if (found := source.get(wanted))), None)

    def fill(self, text: str, tool: str) -> str:
        """Return `text` with each `${NAME}` filled in.

        Args:
            text: From a manifest.
            tool: Whose manifest, for the message.

        Raises:
            Problem: If a variable is not set.
        """

        def value(variable: str) -> str:
            found = self.get(variable)
            if not found:
                name = self._own.get(variable, variable)
                raise problem(
                    "missing-variable",
                    f"`{tool}` needs the environment variable {name}, which is not set",
                    hint=f"export {name}=...",
                )
            return found

        return fill_variables(text, value)

    def credential(self, text: str, tool: str) -> str:
        """Return `text` filled in for a header, and mask its variables from now on.

        Values that stand in `agentctl.yaml` are in git, and so no secrets.

        Args:
            text: From a manifest.
            tool: Whose manifest, for the message.

        Raises:
            Problem: If a variable is not set, or holds what no header can carry.
        """
        for name in variables_in(text):
            found = self.get(name) or ""
            if not (found.isascii() and found.isprintable()):
                own = self._own.get(name, name)
                raise problem(
                    "bad-variable",
                    f"`{tool}` needs the environment variable {own}, which holds a character that"
                    " no HTTP header can carry",
                    hint="a line break at its end, perhaps?",
                )
            if found not in self._fixed:
                self.hide(found)
        return self.fill(text, tool)

    def address(self, text: str, tool: str) -> str:
        """Return `text` filled in for an HTTP address.

        Args:
            text: From a manifest; `{argument}` may stand behind the host.
            tool: Whose manifest, for the message.

        Raises:
            Problem: If a variable is not set, or no call can go there.
        """
        for name in variables_in(text):
            whole = text == f"${{{name}}}"
            if (_NO_ADDRESS if whole else _NO_PART).search(self.get(name) or ""):
                own = self._own.get(name, name)
                raise problem(
                    "bad-address",
                    f"`{tool}` is not reached: the environment variable {own} holds a character"
                    " that would cut off or change the address",
                    hint="`#`, `{`, `}`, blanks, a `?` at its end or before the rest of an address",
                )
        filled = self.fill(text, tool)
        try:
            parts = urlsplit(filled)
            fits = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            fits = False
        # An argument is never a host, and a password in an address ends up in logs.
        if not fits or any(mark in parts.netloc for mark in "{}@"):
            raise problem(
                "bad-address",
                f"`{tool}` is not reached: `{text}` becomes no address that may be called",
                hint="it begins with http:// or https://, then a host, without user or password",
            )
        return filled

    def hide(self, secret: str) -> None:
        """Mask a secret from now on, wherever it turns up."""
        if len(secret) >= LEAST_SECRET:
            self._secrets |= {secret}

    def masked_text(self, text: str) -> str:
        """Return a text without the credentials that were used."""
        return str(without(text, self._secrets))

    def masked(self, result: ToolResult) -> ToolResult:
        """Return a result without the credentials that were used, in value and error."""
        if not self._secrets:
            return result
        error = result.error
        if error is not None:
            error = error._replace(message=self.masked_text(error.message))
        return result._replace(value=without(result.value, self._secrets), error=error)


def variables_of(bundle: Bundle, environment: str | None = None) -> ManifestVariables:
    """Return the variables of an agent.

    Args:
        bundle: The agent.
        environment: `staging` or `production`, where the project has environments.

    Raises:
        Problem: If the environment's file cannot be read.
    """
    declared = bundle.project.environments
    chosen = declared.get(environment, EnvironmentSpec()) if environment else EnvironmentSpec()  # type: ignore[call-overload]
    file: dict[str, str] = {}
    if chosen.env_file is not None:
        file = read_env_file(bundle.root / chosen.env_file)
    return ManifestVariables(
        bundle.agent.credentials,
        chosen.variables,
        os.environ,
        file,
        token_folder(bundle.root),
    )


def token_folder(root: Path) -> Path:
    """Return where the tokens of people who logged in are kept."""
    return state_folder(root) / "tokens"


def read_env_file(path: Path) -> dict[str, str]:
    """Return the variables of a file, as python-dotenv reads it but for `${NAME}` in a value.

    Raises:
        Problem: If it cannot be read, or a line is not `NAME=value`.
    """
    from dotenv.parser import parse_stream  # noqa: PLC0415 - only live runs need it

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise problem("unreadable-file", f"cannot read {path.name}: {why}") from error
    found: dict[str, str] = {}
    for line in parse_stream(StringIO(text)):
        if line.error or (line.key is not None and line.value is None):
            written = line.original.string
            number = line.original.line + written[: -len(written.lstrip())].count("\n")
            # The line is not repeated: it may hold a secret.
            raise problem("bad-env-file", f"{path.name}:{number} is not NAME=value")
        if line.key is not None and line.value is not None:
            found[line.key] = line.value
    return found


__all__ = ["LEAST_SECRET", "ManifestVariables", "read_env_file", "variables_of"]
