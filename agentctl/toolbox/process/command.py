"""Call a program: one JSON object on its stdin, one JSON value on its stdout.

It is run without a shell, in the folder of its manifest, shut in as `process.py` says. An answer of
exactly `{"error": KIND, "message": TEXT}` is an error that it declares, and then it knows whether
anything happened; everything else that it prints and exits with 0 is its result. One that ends
otherwise has told nothing: after a write it may have happened.
"""

import os
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from agentctl.core.canonical import Json, NotCanonical, canonical_text, parse_strict
from agentctl.core.errors import problem
from agentctl.core.masking import MASK, masked
from agentctl.core.messages import ToolError, ToolErrorKind, ToolResult
from agentctl.core.text import shorten
from agentctl.specs.shapes.live_kinds import CommandLive, ProcessLive
from agentctl.specs.shapes.tools import ToolSpec
from agentctl.toolbox.port import BackendCall, Opening
from agentctl.toolbox.process.process import Ended, Processes, Program

DECLARED = frozenset(
    {
        "not_found", "conflict", "invalid", "forbidden", "timeout", "unavailable", "rate_limited",
        "internal", "invalid_output",
    }
)  # fmt: skip
"""Errors that a tool may declare; any other is `internal`."""
_SECRET_FROM = 6
"""Characters from which the value of a variable is masked where it turns up in a message."""
_SAID = 200
"""Characters of what a program says of its failure."""


class CommandTools:
    """The tools of one agent that are programs.

    Args:
        tools: They, by name.
        opening: Whose they are, and the variables they may use.

    Raises:
        Problem: If a program does not exist, or a variable that it names is not set.
    """

    def __init__(self, tools: Mapping[str, ToolSpec], opening: Opening) -> None:
        self._tools = tools
        self._agent = opening.bundle.agent.name
        self._processes = Processes()
        self._programs = {name: self._prepared(tool, opening) for name, tool in tools.items()}

    def close(self) -> None:
        """Kill what still runs."""
        self._processes.close()

    def idempotent(self, name: str) -> bool:
        """Whether the manifest promises it: a key, and `annotations: {idempotentHint: true}`."""
        tool = self._tools[name]
        hint = tool.annotations.idempotent if tool.annotations else None
        return tool.idempotency is not None and hint is True

    def send(self, name: str, call: BackendCall, key: str | None) -> ToolResult:
        """Run the program once, and return what it answers."""
        asked: dict[str, Json] = {
            "tool": name,
            "args": call.args,
            "principal": call.principal,
            "agent": self._agent,
            "key": key,
            "now": call.now.isoformat(),
        }
        program = self._programs[name]
        program = program.within(call.within(program.live.timeout_s))
        given = canonical_text(asked).encode() + b"\n"
        return _result(self._processes.run(program, given), self._tools[name], program)

    def _prepared(self, tool: ToolSpec, opening: Opening) -> Program:
        live = tool.live
        assert isinstance(live, CommandLive)
        folder = opening.bundle.folders[tool.name].resolve()
        environment = process_environment(tool, opening)
        program, *rest = live.command
        found = _found(program, folder, environment["PATH"])
        if found is None:
            where = f"in {folder.name}/" if Path(program).name != program else "on the PATH"
            raise problem(
                "no-such-program",
                f"`{tool.name}` runs `{program}`, and there is no such program {where}",
                hint="install it, or correct `live: {command: ...}`; relative paths begin at the"
                " folder of the manifest",
            )
        return Program("run", (found, *rest), folder, environment, live)


def process_environment(tool: ToolSpec, opening: Opening) -> dict[str, str]:
    """Return all that the process of a tool sees of the environment.

    Raises:
        Problem: If a variable that its manifest names is not set.
    """
    variables = opening.variables
    found = {"PATH": variables.get("PATH") or os.defpath}
    if sys.platform == "win32":
        found["SYSTEMROOT"] = os.environ.get("SYSTEMROOT", "")  # nothing starts without it
    for name in tool.live.env if isinstance(tool.live, ProcessLive) else ():
        found[name] = variables.fill(f"${{{name}}}", tool.name)
    return found


def _found(program: str, folder: Path, path: str) -> str | None:
    if Path(program).name == program:
        found = shutil.which(program, path=path)
        return found and str(Path(found).absolute())
    file = folder / program
    return str(file) if file.is_file() and os.access(file, os.X_OK) else None


def _result(ended: Ended, tool: ToolSpec, program: Program) -> ToolResult:
    live = program.live
    if ended.how == "not_started":
        why = result_text(ended.said, program)
        return ToolResult(error=ToolError("unavailable", f"cannot be started: {why}"), sent=False)
    if ended.how == "timeout":
        return _failed("timeout", f"no answer within {live.timeout_s:g} s; it was ended")
    if ended.how == "too_long":
        return _failed("invalid_output", f"the answer is longer than {live.max_bytes} bytes")
    try:
        answer = parse_strict(ended.output.decode(), max_bytes=live.max_bytes)
    except (NotCanonical, UnicodeDecodeError) as error:
        if ended.code == 0:
            why = "it printed nothing" if not ended.output.strip() else str(error).splitlines()[0]
            return _failed("invalid_output", f"the answer is not JSON: {result_text(why, program)}")
        answer = None
    declared = _declared(answer, program)
    if declared is not None:
        return ToolResult(error=declared)
    if ended.code == 0:
        return ToolResult(answer)
    # Nobody knows how far a write came that broke off.
    kind: ToolErrorKind = "internal" if tool.effect == "none" else "unavailable"
    return _failed(kind, _why(ended, program))


def _declared(answer: Json, program: Program) -> ToolError | None:
    """Return the error that an answer declares, if it is one."""
    if not isinstance(answer, dict) or answer.keys() != {"error", "message"}:
        return None
    kind, message = answer["error"], answer["message"]
    if not isinstance(kind, str) or not isinstance(message, str):
        return None
    if kind in DECLARED:
        return ToolError(cast(ToolErrorKind, kind), result_text(message, program))
    return ToolError("internal", result_text(f"{kind}: {message}", program))


def _why(ended: Ended, program: Program) -> str:
    if ended.code < 0:
        name = signal.Signals(-ended.code).name
        return f"it was ended by {name}; it may take {program.live.memory_mb} MB (`memory_mb`)"
    said = f": {result_text(ended.said, program)}" if ended.said else ""
    return f"it ended with exit code {ended.code}{said}"


def result_text(text: str, program: Program) -> str:
    """Return what a program says as a message: on one line, short, without its secrets."""
    for name, value in program.environment.items():
        if name != "PATH" and len(value) >= _SECRET_FROM:
            text = text.replace(value, MASK)
    return shorten(str(masked(text)), _SAID)


def _failed(kind: ToolErrorKind, message: str) -> ToolResult:
    return ToolResult(error=ToolError(kind, message))


__all__ = ["DECLARED", "CommandTools", "process_environment", "result_text"]
