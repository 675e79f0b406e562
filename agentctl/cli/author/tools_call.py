"""`agentctl tools call`: one call by hand, and what it came to."""

from typing import Annotated

import typer

from agentctl.app.running.environments import ENVIRONMENT_HELP, EnvironmentName
from agentctl.app.running.result import SCHEMA_VERSION
from agentctl.app.tools.by_hand import CalledTool, CallOptions, call_tool
from agentctl.cli.here import root_here
from agentctl.cli.output import Format, note, write_json, write_jsonl
from agentctl.cli.render.run import observed
from agentctl.cli.terminal import people_here
from agentctl.specs.loading.project import Project


def call_command(
    name: Annotated[str, typer.Argument(help="The tool's name.")],
    arguments: Annotated[str, typer.Argument(metavar="JSON", help="Its arguments.")] = "{}",
    agent: Annotated[str, typer.Option(help="Whose tool it is: a name or a file.")] = ...,  # type: ignore[assignment]
    acting_as: Annotated[
        str | None, typer.Option("--as", metavar="ROLE:ID", help="On whose behalf.")
    ] = None,
    first: Annotated[
        list[str] | None,
        typer.Option(metavar="TOOL=JSON", help="A call to make before it, such as a look-up."),
    ] = None,
    intent: Annotated[
        str | None, typer.Option(help="The intent, for an agent that has some.")
    ] = None,
    world: Annotated[
        str | None, typer.Option(metavar="SET", help="Golden set whose mock world is used.")
    ] = None,
    approver: Annotated[
        str | None, typer.Option(metavar="ID", help="Who approves at this terminal.")
    ] = None,
    live: Annotated[bool, typer.Option(help="Call the real tool instead of its mock.")] = False,
    env: Annotated[EnvironmentName | None, typer.Option(help=ENVIRONMENT_HELP)] = None,
    format: Annotated[Format, typer.Option(help="How the result is printed.")] = "text",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not show the steps.")] = False,
) -> int:
    """Call one tool by hand, as a call of the agent's model goes: rules, approval, ledger, trace.

    Exit codes: 0 it was done, 1 denied, declined or refused by the tool, 2 wrong request, 3 the
    tool is unreachable, 4 it waits for an approval.
    """
    project = Project.find(root_here())
    asked = CallOptions(name, arguments, agent, acting_as, first or (), intent, world, live, env)
    done = call_tool(project, asked, people_here(None, approver), observed(quiet=quiet))
    _show(done, name, format)
    return done.code


def _show(done: CalledTool, name: str, format: Format) -> None:
    """Print what the call came to."""
    call, result = done.call, done.run.result
    if format == "text":
        if call is not None and call["ok"]:
            write_json(call["value"])
        else:
            why = call["error"]["message"] if call and call.get("error") else result["reason"]
            note(f"{name}: {why}")
    else:
        said = {
            "schema_version": SCHEMA_VERSION,
            "run": result["run"],
            "agent": result["agent"],
            "mode": result["mode"],
            "principal": result["principal"],
            "call": call,
            "stop": result["stop"],
            "pending": result["pending"],
            "trace": result["trace"],
            "exit_code": int(done.code),
        }
        (write_json if format == "json" else lambda one: write_jsonl([one]))(said)
    note(f"Next: agentctl trace show {result['run']}")


__all__ = ["call_command"]
