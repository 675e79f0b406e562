"""`agentctl inbox`: everything that waits for a person, and what they say to it."""

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from agentctl.app.running.state import RunState, state_file, state_of
from agentctl.cli.output import Format, note, write_json, write_jsonl, write_line
from agentctl.cli.render.console import neutralised
from agentctl.core.canonical import NotCanonical, canonical_text, parse_strict
from agentctl.core.errors import Problem, problem
from agentctl.core.exits import ExitCode
from agentctl.core.masking import masked
from agentctl.core.messages import Approval
from agentctl.effects.approvals import PendingApproval
from agentctl.effects.ledger import EffectRecord
from agentctl.runtime.approvals.inbox import Responder, TracePlace, answer_approval, settle_effect
from agentctl.runtime.approvals.queue import held_back, may_approve
from agentctl.specs.loading.project import Project
from agentctl.traces.log.store import journal_file, read_events, trace_of, traces_folder
from agentctl.traces.views.fold import fold

SCHEMA_VERSION = "1"
QUESTION = "question.asked"

inbox_app = typer.Typer(no_args_is_help=True)
Ticket = Annotated[int, typer.Argument(help="Number of the request, as `inbox list` shows it.")]
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
    project = Project.find(Path.cwd())
    found = _waiting(project.root) if state_file(project.root).is_file() else []
    match format:
        case "json":
            write_json({"schema_version": SCHEMA_VERSION, "waiting": found})
        case "jsonl":
            write_jsonl(found)
        case "text":
            for entry in found:
                write_line(_line(entry))
    note(f"{len(found)} waiting" if found else "nothing waits")
    return ExitCode.WAITING if found else ExitCode.OK


def _waiting(root: Path) -> list[dict[str, Any]]:
    state = state_of(root)
    approvals = [_approval(row, state) for row in state.approvals.pending(datetime.now(UTC))]
    effects = [_effect(row) for row in state.ledger.open_effects()]
    asked = {entry["run"] for entry in approvals}
    runs = [
        _run(root, run)
        for run in sorted(state.sessions.all() - asked)
        if trace_of(root, run).is_file()
    ]
    return [*approvals, *effects, *runs]


@inbox_app.command("show")
def show(ticket: Ticket, format: Output = "text") -> int:
    """Show one request: what will happen, where each argument came from, and why it asks."""
    project = Project.find(Path.cwd())
    state = state_of(project.root)
    entry = _approval(state.approvals.current(ticket, datetime.now(UTC)), state)
    if format != "text":
        (write_json if format == "json" else lambda one: write_jsonl([one]))(
            {"schema_version": SCHEMA_VERSION, **entry}
        )
        return ExitCode.OK
    write_line(f"approval {entry['id']}: {entry['standing']}")
    write_line(f"  {entry['tool']} ({entry['effect'].replace('_', ' ')})")
    for name, value in entry["arguments"].items():
        origin = entry["origins"].get(name, "model")
        write_line(f"    {name} = {neutralised(canonical_text(value))}  (from {origin})")
    write_line(f"  because: {neutralised(entry['reason'] or '')}; rule {entry['rule'] or 'none'}")
    place = f" in {entry['environment']}" if entry["environment"] else ""
    write_line(f"  run {entry['run']} of {entry['agent']}, acting for {entry['principal']}{place}")
    write_line(f"  asked of {entry['queue'] or 'anybody'}, until {entry['expires_at']}")
    if entry["decided_by"]:
        said = f": {neutralised(entry['said'])}" if entry["said"] else ""
        write_line(f"  answered by {entry['decided_by']} at {entry['decided_at']}{said}")
    return ExitCode.OK


@inbox_app.command("approve")
def approve(ticket: Ticket, acting: As = None, reason: ReasonOption = None) -> int:
    """Approve a call: exactly the arguments that `inbox show` prints, once."""
    return _answer(ticket, Approval("approve", reason=reason), acting)


@inbox_app.command("reject")
def reject(ticket: Ticket, acting: As = None, reason: ReasonOption = None) -> int:
    """Reject a call: the agent is told, and the same call stays denied in this run."""
    return _answer(ticket, Approval("reject", reason=reason), acting)


@inbox_app.command("modify")
def modify(
    ticket: Ticket,
    arguments: Annotated[str, typer.Argument(metavar="JSON", help="The arguments to run.")],
    acting: As = None,
    reason: ReasonOption = None,
) -> int:
    """Approve a call with other arguments: they are checked and decided on anew."""
    try:
        value = parse_strict(arguments)
    except NotCanonical as error:
        raise problem("bad-arguments", f"the arguments are not JSON: {error}") from error
    if not isinstance(value, dict):
        raise problem("bad-arguments", "the arguments are no JSON object")
    return _answer(ticket, Approval("modify", reason=reason, arguments=value), acting)


def _answer(ticket: int, given: Approval, acting: str | None) -> int:
    project = Project.find(Path.cwd())
    state = state_of(project.root)
    row = state.approvals.find(ticket)
    person = Responder(acting or getpass.getuser(), getpass.getuser())
    may_approve(project.spec.people, person.id, row.queue, row.principal)
    if row.standing == "pending" and given.answer != "reject":
        prints = project.agent(state.sessions.find(row.run).agent).fingerprints
        changed = held_back(row, prints.policy, prints.tools)
        if changed is not None:
            raise changed
    answer_approval(_place(project), state.approvals, row, given, person)
    note(f"{given.answer}: {row.request['tool']}, by {person.id}. Next: agentctl resume {row.run}")
    return ExitCode.OK


@inbox_app.command("settle")
def settle_(
    effect: Annotated[int, typer.Argument(help="Number of the effect.")],
    outcome: Annotated[Literal["happened", "not-happened"], typer.Argument(help="What is so.")],
    acting: As = None,
    reason: ReasonOption = None,
) -> int:
    """Say what became of an effect in doubt, once you have looked."""
    project = Project.find(Path.cwd())
    ledger = state_of(project.root).ledger
    found = ledger.find(effect)
    person = Responder(acting or getpass.getuser(), getpass.getuser())
    may_approve(project.spec.people, person.id, None, "")
    state = "succeeded" if outcome == "happened" else "failed"
    settle_effect(_place(project), ledger, found, state, reason, person)  # type: ignore[arg-type]
    note(f"effect {effect} of {found.tool}: {state}, by {person.id}")
    return ExitCode.OK


def _place(project: Project) -> TracePlace:
    return TracePlace(traces_folder(project.root), journal_file(project.root))


def _approval(row: PendingApproval, state: RunState) -> dict[str, Any]:
    request = row.request
    recipe = state.sessions.known(row.run)
    return {
        "kind": "approval",
        "id": row.id,
        "run": row.run,
        "agent": row.agent,
        "principal": row.principal,
        "environment": recipe.environment if recipe is not None else None,
        "tool": request["tool"],
        "effect": request["effect"],
        "arguments": masked(request["arguments"]),
        "origins": request["origins"],
        "rule": request["rule"],
        "reason": request["reason"],
        "queue": row.queue,
        "standing": row.standing,
        "requested_at": row.requested_at,
        "expires_at": row.expires_at,
        "decided_by": row.decided_by,
        "decided_at": row.decided_at,
        "said": row.reason,
    }


def _effect(row: EffectRecord) -> dict[str, Any]:
    return {
        "kind": "effect",
        "id": row.id,
        "run": row.run,
        "tool": row.tool,
        "arguments": masked(row.arguments),
        "state": row.state,
        "since": row.intended_at,
    }


def _run(root: Path, run: str) -> dict[str, Any]:
    """Return what a run that can be resumed waits for."""
    try:
        _, events = read_events(trace_of(root, run))
    except Problem:
        # One damaged trace must not hide what else waits.
        return {"kind": "damaged", "run": run, "agent": None, "since": None, "question": None}
    folded = fold(events)
    stop = folded.ended.get("stop")
    kind = {"waiting_reply": "question", "escalated": "case"}.get(stop or "", "run")
    question = next((e.body["question"] for e in reversed(events) if e.type == QUESTION), None)
    return {
        "kind": kind,
        "run": run,
        "agent": folded.started.get("agent"),
        "since": events[-1].at,
        "question": question if kind == "question" else None,
    }


def _line(entry: dict[str, Any]) -> str:
    match entry["kind"]:
        case "approval":
            arguments = neutralised(canonical_text(entry["arguments"]))
            place = f"  in {entry['environment']}" if entry["environment"] else ""
            return (
                f"approval {entry['id']}  {entry['tool']} {arguments}{place}"
                f"  asked of {entry['queue'] or 'anybody'} until {entry['expires_at']}"
            )
        case "effect":
            arguments = neutralised(canonical_text(entry["arguments"]))
            return f"effect {entry['id']}  {entry['tool']} {arguments}  {entry['state']}"
        case "question":
            asks = neutralised(entry["question"] or "")
            return f"question  {asks}  agentctl resume {entry['run']} --reply TEXT"
        case "damaged":
            return f"damaged  run {entry['run']} cannot be read  agentctl trace verify"
        case "case":
            return f"case  of {entry['agent']}  agentctl resume {entry['run']} --note TEXT"
        case _:
            return f"run  of {entry['agent']}, answered or cut off  agentctl resume {entry['run']}"


__all__ = ["inbox_app"]
