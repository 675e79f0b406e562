"""A person at the terminal: answers the agent's questions and decides on calls that ask."""

import getpass
import sys

from agentctl.app.running.participants import Participants
from agentctl.cli.output import note
from agentctl.core.canonical import Json, NotCanonical, canonical_text, parse_strict
from agentctl.core.masking import masked
from agentctl.core.messages import Approval, ApprovalRequest
from agentctl.core.text import neutralised, shorten
from agentctl.runtime.approvals.standing import person_id
from agentctl.runtime.run import ScriptedInputs
from agentctl.specs.language.schemas import Schema, SchemaProblem

_MOST_SHOWN = 1000
"""Characters of what a server asks."""


def on_terminal() -> bool:
    """Whether a person can be asked: both stdin and stderr are a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def warn_of_production(environment: str | None) -> None:
    """Warn on a terminal, even with `--quiet`, that a run is in production."""
    if environment == "production" and sys.stderr.isatty():
        note("PRODUCTION: this run acts on real systems")


def prompt_line(question: str) -> str | None:
    """Ask on stderr and read one line; `None` at the end of input."""
    note(question, end="")
    line = sys.stdin.readline()
    return line.strip() if line else None


class TerminalInputs:
    """The task first; then what the person answers when the agent asks.

    Args:
        task: What the agent is to do; left out where it was given before.
    """

    def __init__(self, task: str | dict[str, Json] | None) -> None:
        self._task = task

    def next(self, question: str | None) -> str | dict[str, Json] | None:
        """Return the task, then answers to questions."""
        if self._task is not None:
            task, self._task = self._task, None
            return task
        if question is None:
            return None
        return prompt_line(f"\nthe agent asks: {neutralised(question)}\n> ") or None


class TerminalApprover:
    """Shows what will happen and asks until the answer is clear; only `n` is a no.

    Args:
        identity: Who sits here. Asserted, not proven.
    """

    def __init__(self, identity: str) -> None:
        self._identity = identity

    def ask(self, request: ApprovalRequest) -> Approval | None:
        """Ask for one call."""
        note(f"\napproval needed: {request.tool} ({request.effect.replace('_', ' ')})")
        for name, value in masked(request.arguments).items():
            origin = request.origins.get(name, "model")
            note(f"  {name} = {neutralised(canonical_text(value))}  (from {origin})")
        note(f"  because: {neutralised(request.reason)}; asked of {request.by or 'anybody'}")
        while (answer := prompt_line("approve? [y]es, [n]o, [m]odify: ")) is not None:
            match answer.lower():
                case "y" | "yes":
                    return Approval("approve", self._identity)
                case "n" | "no":
                    reason = prompt_line("reason (may be empty): ")
                    return Approval("reject", self._identity, reason)
                case "m" | "modify":
                    arguments = _modified(request)
                    if arguments is not None:
                        return Approval("modify", self._identity, None, arguments)
                case _:
                    note("y runs the call, n rejects it, m changes its arguments; Ctrl-D: later")
        return None


def _modified(request: ApprovalRequest) -> dict[str, Json] | None:
    """Ask for other arguments; an empty line, or what cannot be read, goes back to the question."""
    own = {k: v for k, v in request.arguments.items() if k not in request.bound}
    shown = masked(own)
    text = prompt_line(f"arguments as JSON, now {neutralised(canonical_text(shown))}\n> ")
    if not text:
        return None
    try:
        arguments = parse_strict(text)
    except NotCanonical as error:
        note(f"rejected: {neutralised(str(error))}")
        return None
    if not isinstance(arguments, dict):
        note("rejected: expected an object")
        return None
    # What is left as it was shown stays what it is: a secret is shown as a mark.
    kept = {name: own[name] for name in own if arguments.get(name) == shown[name]}
    return {**arguments, **kept}


def elicited(message: str, schema: dict[str, Json]) -> dict[str, Json] | None:
    """Ask for what a tool's server wants to know; an empty line is no answer.

    Args:
        message: The question, and whose it is.
        schema: What an answer looks like; nothing that breaks it is passed on.
    """
    wants = shorten(canonical_text(schema), _MOST_SHOWN)
    note(f"\n{neutralised(shorten(message, _MOST_SHOWN))}\n  wanted: {neutralised(wants)}")
    try:
        wanted = Schema(schema)
    except SchemaProblem as error:
        note(f"not asked: the server's schema is invalid: {neutralised(str(error))}")
        return None
    while text := prompt_line("answer as JSON, or nothing to decline: "):
        try:
            answer = parse_strict(text)
            wrong = wanted.errors(answer)
        except NotCanonical as error:
            answer, wrong = None, [str(error)]
        if not wrong and isinstance(answer, dict):
            return answer
        note(f"rejected: {neutralised('; '.join(wrong)) or 'expected an object'}")
    return None


def people_here(task: str | dict[str, Json] | None, approver: str | None) -> Participants:
    """Return who can be asked: the person at this terminal, else no one.

    Args:
        task: What the agent is to do; left out where it was given before.
        approver: Who sits here; left out = the system's user.
    """
    identity = person_id(approver or getpass.getuser())
    if on_terminal():
        return Participants(TerminalInputs(task), TerminalApprover(identity), identity, elicited)
    return Participants(ScriptedInputs(*([] if task is None else [task])), identity=identity)


__all__ = [
    "TerminalApprover",
    "TerminalInputs",
    "on_terminal",
    "people_here",
    "prompt_line",
    "warn_of_production",
]
