"""`agentctl inbox`: show what waits for a person, and pass on what they answer."""

import getpass
from typing import Annotated, Literal

import typer

from agentctl.app.inbox import answer, approval_of, confirm, settle, waiting
from agentctl.cli.here import root_here
from agentctl.cli.output import Format, note, write_json, write_jsonl, write_line
from agentctl.cli.render.inbox import approval_lines, waiting_line
from agentctl.core.canonical import NotCanonical, parse_strict
from agentctl.core.errors import problem
from agentctl.core.exits import ExitCode
from agentctl.core.messages import Approval
from agentctl.effects.ledger import EffectState
from agentctl.specs.loading.project import Project

SCHEMA_VERSION = "1"

inbox_app = typer.Typer(no_args_is_help=True)
ApprovalId = Annotated[
    int, typer.Argument(help="Id of the approval, as `inbox list` shows it.", metavar="APPROVAL")
]
As = Annotated[
    str | None,
    typer.Option("--as", metavar="ID", help="Who answers; left out = the system's user."),
]
ReasonOption = Annotated[str | None, typer.Option(help="Why; kept in the trace.")]
Output = Annotated[Format, typer.Option(help="How the result is printed.")]


@inbox_app.command("list")
def list_(format: Output = "text") -> int:
    """List what waits: approvals, effects in doubt, questions and cases handed over.

    Exit codes: 0 nothing waits, 4 something does.
    """
    found = waiting(Project.find(root_here()).root)
    rows = [one._asdict() for one in found]
    match format:
        case "json":
            write_json({"schema_version": SCHEMA_VERSION, "waiting": rows})
        case "jsonl":
            write_jsonl(rows)
        case "text":
            for entry in found:
                write_line(waiting_line(entry))
    note(f"{len(found)} waiting" if found else "nothing waits")
    return ExitCode.WAITING if found else ExitCode.OK


@inbox_app.command("show")
def show(approval_id: ApprovalId, format: Output = "text") -> int:
    """Show one request: what will happen, where each argument came from, and why it asks."""
    entry = approval_of(Project.find(root_here()).root, approval_id)
    row = {"schema_version": SCHEMA_VERSION, **entry._asdict()}
    match format:
        case "json":
            write_json(row)
        case "jsonl":
            write_jsonl([row])
        case "text":
            for line in approval_lines(entry):
                write_line(line)
    return ExitCode.OK


@inbox_app.command("approve")
def approve(approval_id: ApprovalId, acting: As = None, reason: ReasonOption = None) -> int:
    """Approve a call: exactly the arguments that `inbox show` prints, once."""
    return _answer(approval_id, Approval("approve", reason=reason), acting)


@inbox_app.command("reject")
def reject(approval_id: ApprovalId, acting: As = None, reason: ReasonOption = None) -> int:
    """Reject a call: the agent gets the answer, and the same call stays denied in this run."""
    return _answer(approval_id, Approval("reject", reason=reason), acting)


@inbox_app.command("modify")
def modify(
    approval_id: ApprovalId,
    arguments: Annotated[str, typer.Argument(metavar="JSON", help="The arguments to run.")],
    acting: As = None,
    reason: ReasonOption = None,
) -> int:
    """Approve a call with other arguments: they are checked and decided on again."""
    try:
        value = parse_strict(arguments)
    except NotCanonical as error:
        raise problem("bad-arguments", f"cannot read the arguments: {error}") from error
    if not isinstance(value, dict):
        raise problem("bad-arguments", "the arguments must be a JSON object")
    return _answer(approval_id, Approval("modify", reason=reason, arguments=value), acting)


def _answer(approval_id: int, given: Approval, acting: str | None) -> int:
    identity = acting or getpass.getuser()
    row = answer(Project.find(root_here()), approval_id, given, identity)
    note(f"{given.answer}: {row.request['tool']}, by {identity}. Next: agentctl resume {row.run}")
    return ExitCode.OK


@inbox_app.command("settle")
def settle_(
    effect: Annotated[int, typer.Argument(help="Number of the effect.")],
    outcome: Annotated[Literal["happened", "not-happened"], typer.Argument(help="What is so.")],
    acting: As = None,
    reason: ReasonOption = None,
) -> int:
    """Say whether an effect in doubt happened, after you have looked."""
    identity = acting or getpass.getuser()
    state: EffectState = "succeeded" if outcome == "happened" else "failed"
    found = settle(Project.find(root_here()), effect, state, reason, identity)
    note(f"effect {effect} of {found.tool}: {state}, by {identity}")
    return ExitCode.OK


@inbox_app.command("confirm")
def confirm_(acting: As = None) -> int:
    """Let effects be sent again after `state.db` was rebuilt from traces that are not complete.

    Look first at what the missing runs may have sent: nothing here knows it any more.
    """
    identity = acting or getpass.getuser()
    held = confirm(Project.find(root_here()), identity)
    note(f"confirmed by {identity}: {held}" if held else "no effects are held back")
    return ExitCode.OK


__all__ = ["inbox_app"]
