"""One call by hand, through everything a call of a model goes through.

It is a run of the agent whose turns are that call and what has to come before it: the same
authorizer, approval, ledger and trace. The trace says that no model was asked.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple

from agentctl.app.observer import UNOBSERVED, Observer
from agentctl.app.running.environments import EnvironmentName, environment_of
from agentctl.app.running.participants import Participants
from agentctl.app.running.parts import RunParts, run_backend
from agentctl.app.running.recipes import lender_of, principal_of
from agentctl.app.running.runs import EXITS, FinishedRun, run_recipe
from agentctl.core.canonical import NotCanonical, parse_strict
from agentctl.core.errors import problem
from agentctl.core.exits import ExitCode
from agentctl.core.text import did_you_mean
from agentctl.effects.paused_runs import RunRecipe
from agentctl.models.scripted import ScriptedModel
from agentctl.runtime.harness import Harness
from agentctl.runtime.run import ScriptedInputs
from agentctl.specs.loading.project import Project
from agentctl.specs.shapes.agent import Price
from agentctl.specs.shapes.bundle import Bundle
from agentctl.specs.shapes.turns import Turn, TurnCall, TurnUsage

BY_HAND = "by-hand"
"""What the trace names as the model."""
_UNREACHED = frozenset({"timeout", "unavailable", "rate_limited", "missing_mock"})


class CallOptions(NamedTuple):
    """What is called, and as whom."""

    tool: str
    arguments: str
    """A JSON object."""
    agent: str
    """Whose tool it is: a name or a file."""
    acting_as: str | None = None
    """`ROLE:ID`"""
    first: Sequence[str] = ()
    """Calls to make before it, each `TOOL=JSON`."""
    intent: str | None = None
    """For an agent that has intents."""
    world: str | None = None
    """The golden set whose mock world is used."""
    live: bool = False
    environment: EnvironmentName | None = None


class CalledTool(NamedTuple):
    """What a call by hand came to."""

    call: dict[str, Any] | None
    """The call as `run --format json` shows it; `None` where it was never made."""
    code: ExitCode
    run: FinishedRun


def call_tool(
    project: Project,
    asked: CallOptions,
    people: Participants,
    observer: Observer = UNOBSERVED,
) -> CalledTool:
    """Call one tool as a call of the agent's model goes: rules, approval, ledger, trace.

    Args:
        project: Where the agent is.
        asked: What is called.
        people: Who decides where the call asks; what the user says is not heard.
        observer: Told of each step.

    Raises:
        Problem: If there is no such tool, or its arguments are not a JSON object.
    """
    bundle = project.agent(asked.agent)
    calls = [_call(bundle, *one.partition("=")[::2]) for one in asked.first]
    calls.append(_call(bundle, asked.tool, asked.arguments))
    turns = _turns(bundle, calls, asked.intent)
    lender = None if asked.live else lender_of(project, bundle, asked.world)
    recipe = RunRecipe(
        bundle.agent.name,
        principal_of(bundle, lender, asked.acting_as, live=asked.live),
        "live" if asked.live else "mock",
        environment=environment_of(project.spec, asked.environment, live=asked.live),
    )
    harness = Harness(_unmodelled(bundle, [call.tool for call in calls]), BY_HAND)
    backend = run_backend(harness, recipe, lender, people.elicit)
    parts = RunParts(harness, lender, None, ScriptedModel(turns, BY_HAND), backend)
    people = people._replace(inputs=ScriptedInputs("called by hand"))
    done = run_recipe(project, recipe, parts, people, observer, resumable=False)
    call = next((one for one in reversed(done.result["calls"]) if one["tool"] == asked.tool), None)
    return CalledTool(call, _exit(done.result, call), done)


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
        raise problem("bad-arguments", f"cannot read the arguments: {error}") from error
    if not isinstance(value, dict):
        raise problem(
            "bad-arguments", "the arguments must be a JSON object", hint="""'{"order_id": "o_1"}'"""
        )
    return TurnCall(tool=name, args=value)


def _turns(bundle: Bundle, calls: Sequence[TurnCall], intent: str | None) -> list[Turn]:
    """Return the turns of a model that makes these calls, one after the other."""
    if bundle.agent.intents:
        wanted = {call.tool for call in calls}
        ids = [one.id for one in bundle.agent.intents if wanted <= set(one.tools)]
        if intent is None or intent not in ids:
            said = f"no intent `{intent}` that allows this" if intent else "intents: name one"
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


def _unmodelled(bundle: Bundle, names: Sequence[str]) -> Bundle:
    """Return an agent without what concerns a model's answer; its turns cost nothing.

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


__all__ = ["BY_HAND", "CallOptions", "CalledTool", "call_tool"]
