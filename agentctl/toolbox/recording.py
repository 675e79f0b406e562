"""Mock from life: keep what live tools answer, as replies for mocks of the same tools.

The file is rewritten after each answer, so a run that is killed leaves what it has seen. A reply
fits exactly the arguments it was given for; bound ones are left out, since the principal brings
them. What was answered otherwise later is not kept, because replies know no time; an outage gives
way to the answer that came after it.

Answers are real data: secrets are masked, people are not. The folder keeps itself out of git.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from agentctl.core.canonical import Json, canonical_text
from agentctl.core.errors import Problem, problem
from agentctl.core.exits import ExitCode
from agentctl.core.files import replacing
from agentctl.core.masking import masked
from agentctl.core.messages import ToolResult
from agentctl.specs.checks.values import arguments_of
from agentctl.specs.language.expressions import MOST_CHARACTERS
from agentctl.specs.reading.locate import shown_path, state_folder
from agentctl.specs.reading.yaml import read_yaml
from agentctl.specs.shapes.tools import ToolSpec
from agentctl.toolbox.port import Backend, BackendCall

_PASSING = frozenset({"timeout", "unavailable", "rate_limited"})
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""What JSON may hold as it is, and YAML not."""
_HEAD = """\
# What live tools answered in run {run}. This is real data: look at it before you share it.
# To replay it, copy each `mock:` to the tool of the same name in your manifest.
"""

RecordedReply = dict[str, Json]


class ReplyRecorder:
    """Passes calls on to live tools and keeps their answers.

    Args:
        inner: The live tools.
        tools: Their manifests.
        path: The file; what it holds already stays.

    Raises:
        Problem: If the file cannot be written, before anything is sent.
    """

    def __init__(self, inner: Backend, tools: Mapping[str, ToolSpec], path: Path) -> None:
        self.path = path
        self.failed: str | None = None
        """Why the file could not be written in the middle of the run."""
        self._inner = inner
        self._tools = tools
        self._replies: dict[str, dict[str, RecordedReply]] = {}
        self._notes: dict[str, None] = {}
        try:
            if path.exists():
                self._read()
            path.parent.mkdir(parents=True, exist_ok=True)
            (path.parent / ".gitignore").write_text("*\n")
            self._write()
        except OSError as error:
            raise problem(
                "not-recorded",
                f"what tools answer cannot be kept in {shown_path(path)}: {error.strerror}",
                hint="permit writing, or leave out --record-tools",
                exit_code=ExitCode.UNKNOWN,
            ) from error

    def send(self, name: str, call: BackendCall, key: str | None) -> ToolResult:
        """Send one call, and keep what came back."""
        result = self._inner.send(name, call, key)
        if result.sent and name in self._tools:
            self._keep(name, self._tools[name], call.args, result)
            try:
                self._write()
            except OSError as error:
                # The call is made: what is missing here must not make its outcome unknown.
                self.failed = error.strerror or str(error)
        return result

    def idempotent(self, name: str) -> bool:
        """Whether the system recognises the key it is sent."""
        return self._inner.idempotent(name)

    def close(self) -> None:
        """Close the live tools."""
        self._inner.close()

    def _keep(self, name: str, tool: ToolSpec, args: dict[str, Json], result: ToolResult) -> None:
        reply: RecordedReply = {"args": fitting(tool, masked(args))}
        if result.error is not None:
            said = masked(result.error.message) or result.error.kind
            reply["fails"] = {"error": result.error.kind, "message": said}
        else:
            try:
                reply["return"] = literal(masked(result.value))
            except ValueError:
                self._notes[f"an answer of {name} is left out: long text after a `=`"] = None
                return
        replies = self._replies.setdefault(name, {})
        key = canonical_text(reply["args"])
        known = replies.get(key)
        if known is None or _passing(known):
            replies[key] = reply
        elif known != reply and not _passing(reply):
            self._notes[f"{name} later answered the same arguments differently"] = None

    def _read(self) -> None:
        data = read_yaml(self.path, shown_path(self.path)).data
        try:
            for tool in data["tools"]:
                replies = tool["mock"]["replies"]
                self._replies[tool["name"]] = {canonical_text(r["args"]): r for r in replies}
        except (KeyError, TypeError) as error:
            raise _strange(self.path) from error

    def _write(self) -> None:
        with replacing(self.path, mode=0o600) as file:
            file.write(self._text().encode())

    def _text(self) -> str:
        lines = [_HEAD.format(run=self.path.stem).rstrip("\n"), *(f"# {n}" for n in self._notes)]
        lines.append("tools:" if self._replies else "tools: []")
        for name, replies in self._replies.items():
            lines += [f"  - name: {_yaml(name)}", "    mock:", "      replies:"]
            for reply in replies.values():
                first, *rest = (f"{part}: {_yaml(value)}" for part, value in reply.items())
                lines += [f"        - {first}", *(f"          {line}" for line in rest)]
        return "\n".join(lines) + "\n"


def recorded_file(root: Path, run: str) -> Path:
    """Return where the answers of a run are kept."""
    return state_folder(root) / "recorded" / f"{run}.yaml"


def fitting(tool: ToolSpec, args: dict[str, Json]) -> dict[str, Json]:
    """Return matchers for these arguments and no others, bound ones apart."""
    own = {name: value for name, value in args.items() if name not in tool.bind}
    fit = {name: {"equals": value} if _has_fields(value) else value for name, value in own.items()}
    for name in arguments_of(tool.input_schema):
        if name not in own and name not in tool.bind:
            fit[name] = {"absent": True}
    return fit


def _passing(reply: RecordedReply) -> bool:
    return reply.get("fails", {}).get("error") in _PASSING


def _has_fields(value: Json) -> bool:
    if isinstance(value, list):
        return any(map(_has_fields, value))
    return isinstance(value, dict)


def literal(value: Json) -> Json:
    """Return what a mock must hold to return `value`: text that begins with `=` is CEL there.

    Raises:
        ValueError: If such text is longer than an expression may be.
    """
    if isinstance(value, str) and value.startswith("="):
        quoted = f"={json.dumps(value, ensure_ascii=False)}"
        if len(quoted) > MOST_CHARACTERS:
            raise ValueError("too long for an expression")
        return quoted
    if isinstance(value, dict):
        return {key: literal(item) for key, item in value.items()}
    if isinstance(value, list):
        return [literal(item) for item in value]
    return value


def _yaml(value: Json) -> str:
    """Write a value on one line: JSON, with escapes for what YAML does not take as it is."""
    text = json.dumps(value, ensure_ascii=False)
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _strange(path: Path) -> Problem:
    return problem("not-a-recording", f"{shown_path(path)} is not what --record-tools writes")


__all__ = ["ReplyRecorder", "fitting", "literal", "recorded_file"]
