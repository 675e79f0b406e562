"""`agentctl tools call`: one call by hand, through everything a call of a model goes through.

It is a run of the agent whose turns are that call and what must come before it: same authorizer,
approval, ledger and trace. The trace says that no model was asked.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from agentctl.app.observer import ObservedTrace
from agentctl.app.running.environments import ENVIRONMENT_HELP, EnvironmentName, environment_of
from agentctl.app.running.result import SCHEMA_VERSION, run_result
from agentctl.app.running.runs import EXITS, new_trace, state_of
from agentctl.app.running.spending import budget_of
from agentctl.cli.output import Format, note, write_json, write_jsonl
from agentctl.cli.render.run import observed
from agentctl.cli.run import principal_option, terminal_approver
from agentctl.cli.terminal import elicited, on_terminal
from agentctl.core.canonical import NotCanonical, parse_strict
from agentctl.core.clock import SystemClock, stamp
from agentctl.core.errors import problem
from agentctl.core.exits import ExitCode
from agentctl.core.messages import Principal
from agentctl.core.text import did_you_mean
from agentctl.effects.paused_runs import RunRecipe
from agentctl.models.scripted import ScriptedModel
from agentctl.runtime.conversation.loop import play
from agentctl.runtime.dispatch import live_backend, mock_backend
from agentctl.runtime.harness import Harness
from agentctl.runtime.run import NO_SESSION, Run, RunContext, ScriptedInputs
from agentctl.specs.loading.project import Project
from agentctl.specs.loading.sets import LoadedSet
from agentctl.specs.shapes.agent import Price
from agentctl.specs.shapes.bundle import Bundle, WorldSnapshot
from agentctl.specs.shapes.turns import Turn, TurnCall, TurnUsage
from agentctl.toolbox.mock.world import World
from agentctl.traces.log.journal import Seal, seal_run
from agentctl.traces.log.store import journal_file

BY_HAND = "by-hand"
"""What the trace names as the model."""
_UNREACHED = frozenset({"timeout", "unavailable", "rate_limited", "missing_mock"})


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
    tool is unreachable, 4 nobody is here to approve it.
    """
    project = Project.find(Path.cwd())
    bundle = project.agent(agent)
    calls = [_call(bundle, *one.partition("=")[::2]) for one in first or []]
    calls.append(_call(bundle, name, arguments))
    turns = _turns(bundle, calls, intent)
    lender = _lender(project, bundle, world)
    if live and acting_as is None:
        raise problem(
            "no-principal",
            "live tools act for somebody: say for whom",
            hint=f"--as {bundle.agent.acts_as}:ID",
        )
    principal = principal_option(bundle, None if live else lender, acting_as)
    recipe = RunRecipe(bundle.agent.name, principal, "live" if live else "mock")
    harness = Harness(_unmodelled(bundle, [call.tool for call in calls]), BY_HAND)
    where = environment_of(project.spec, env, live=live)
    backend = (
        live_backend(harness.bundle, where, elicited if on_terminal() else None)
        if live
        else mock_backend(
            harness, World(lender.tables if lender else WorldSnapshot({}), bundle.tables)
        )
    )
    with closing(backend):
        state = state_of(project.root) if live else None
        run_id, trace = new_trace(project)
        given = RunContext(
            principal=Principal(**principal),
            model=ScriptedModel(turns, BY_HAND),
            clock=SystemClock(),
            approver=terminal_approver(project, approver, recipe),
            inputs=ScriptedInputs("called by hand"),
            recorder=ObservedTrace(trace, observed(quiet=quiet).event),
            mode=recipe.mode,
            world_start=lender.head.now if lender is not None and not live else None,
            session=NO_SESSION._replace(run_id=run_id, ledger=state.ledger if state else None),
            budget=budget_of(harness.bundle, run_id, note),
        )
        with trace:
            run = Run(harness, given)
            play(run, backend)
    result = run_result(run_id, run.events, str(trace.path))
    seal = Seal(run_id, len(run.events), trace.head)
    seal_run(journal_file(project.root), seal, stamp(datetime.now(UTC)))
    return _told(result, name, format)


def _told(result: dict[str, Any], name: str, format: Format) -> int:
    """Print what the call came to, and return the exit code."""
    call = next((one for one in reversed(result["calls"]) if one["tool"] == name), None)
    code = _exit(result, call)
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
            "exit_code": int(code),
        }
        (write_json if format == "json" else lambda one: write_jsonl([one]))(said)
    note(f"Next: agentctl trace show {result['run']}")
    return code


def _exit(result: dict[str, Any], call: dict[str, Any] | None) -> ExitCode:
    stop = result["stop"]
    if stop not in ("answered", "goal_not_met") or call is None:
        return EXITS[stop] if stop != "answered" else ExitCode.NO
    if call["ok"]:
        return ExitCode.OK
    kind = (call.get("error") or {}).get("error")
    return ExitCode.UNKNOWN if kind in _UNREACHED else ExitCode.NO


def _call(bundle: Bundle, name: str, arguments: str) -> TurnCall:
    """Return one call as a model would make it.

    Raises:
        Problem: If the agent has no such tool, or the arguments are no JSON object.
    """
    agent = bundle.agent.name
    if name not in bundle.tools:
        hint = did_you_mean(name, bundle.tools) or f"it has: {', '.join(bundle.tools)}"
        raise problem("unknown-tool", f"agent `{agent}` has no tool `{name}`", hint=hint)
    try:
        value = parse_strict(arguments)
    except NotCanonical as error:
        raise problem("bad-arguments", f"the arguments are no JSON: {error}") from error
    if not isinstance(value, dict):
        raise problem(
            "bad-arguments", "the arguments are no JSON object", hint="""'{"order_id": "o_1"}'"""
        )
    return TurnCall(tool=name, args=value)


def _turns(bundle: Bundle, calls: Sequence[TurnCall], intent: str | None) -> list[Turn]:
    """Return the turns of a model that makes these calls, one after the other."""
    if bundle.agent.intents:
        wanted = {call.tool for call in calls}
        ids = [one.id for one in bundle.agent.intents if wanted <= set(one.tools)]
        if intent is None or intent not in ids:
            said = f"no intent `{intent}` with that" if intent else "intents, and none is said"
            raise problem(
                "unknown-intent",
                f"agent `{bundle.agent.name}` has {said}",
                hint=f"--intent {' or '.join(ids)}" if ids else "no intent has these tools",
            )
        declared = {"intent": intent, "confidence": 1}
        calls = [TurnCall(tool="declare_intent", args=declared), *calls]
    free = TurnUsage(input=0, output=0)
    turns = [Turn(calls=(call,), usage=free) for call in calls]
    return [*turns, Turn(say="It was called by hand.", usage=free)]


def _lender(project: Project, bundle: Bundle, world: str | None) -> LoadedSet | None:
    return project.golden_set(world) if world else project.golden_set_of(bundle.agent.name)


def _unmodelled(bundle: Bundle, names: Sequence[str]) -> Bundle:
    """Return an agent without what concerns a model's answer; nobody is paid for its turns.

    Of its tools only those that are called need be reachable, and what looks their outcome up.
    """
    tools = [bundle.tools[name] for name in names]
    needed = {*names, *(tool.draft for tool in tools)}
    needed |= {tool.reconcile.tool for tool in tools if tool.reconcile}
    agent = bundle.agent.model_copy(
        update={
            "output": None,
            "done_when": None,
            "tools": tuple(one for one in bundle.agent.tools if one in needed),
        }
    )
    free = Price(input_per_mtok=Decimal(0), output_per_mtok=Decimal(0))
    prices = {**bundle.project.prices, BY_HAND: free}
    return replace(
        bundle,
        agent=agent,
        tools={one: spec for one, spec in bundle.tools.items() if one in needed},
        project=bundle.project.model_copy(update={"prices": prices}),
    )


__all__ = ["BY_HAND", "call_command"]
