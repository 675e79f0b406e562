"""Play one scenario of a golden set: with recorded turns, same input, same bytes, on any machine.

A trial has a virtual clock, ids of its own and a world of its own. It keeps its
events in memory; the caller writes them to disk.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from agentctl.core.canonical import Json
from agentctl.core.clock import VirtualClock
from agentctl.core.events import Event
from agentctl.core.messages import Principal
from agentctl.core.text import count
from agentctl.models.port import Model, ModelFault
from agentctl.models.scripted import ScriptedModel
from agentctl.runtime.approvals.approver import Approver, ScriptedApprover
from agentctl.runtime.assembly import run_agent
from agentctl.runtime.conversation.loop import OUT_OF_TURNS
from agentctl.runtime.dispatch import mock_backend
from agentctl.runtime.harness import Harness
from agentctl.runtime.recorded_dialogue import RecordedDialogue, recorded_reads
from agentctl.runtime.replay.replay import Replay
from agentctl.runtime.run import (
    NO_SESSION,
    EventRecorder,
    RunContext,
    RunSession,
    ScriptedInputs,
)
from agentctl.specs.shapes.bundle import WorldSnapshot
from agentctl.specs.shapes.golden import Scenario
from agentctl.specs.shapes.turns import RecordedEnd, Recording, Turn
from agentctl.toolbox.mock.world import World

TurnSourceKind = Literal["written", "recorded", "cassette", "live"]
"""Where the model's turns come from, and so what a trial tests."""


ToolSource = Literal["world", "recorded"]
"""What answers reads: the mock world, or the results on recorded calls where there are any. Writes
always act on the world."""


class Trial(NamedTuple):
    """One attempt at one scenario."""

    scenario_id: str
    number: int
    kind: TurnSourceKind
    model: str
    events: list[Event]
    world: World
    fault: str | None
    """Why nothing can be concluded from this trial, if so."""
    recorded_end: RecordedEnd | None
    model_fault: ModelFault | None = None
    """What the model could not do, where that is why."""
    agent: str | None = None
    """The agent that a recording names; left out = that of the set."""


def play_trial(
    harness: Harness,
    scenario: Scenario,
    tables: WorldSnapshot,
    *,
    set_name: str,
    now: datetime,
    number: int = 1,
    recording: Recording | None = None,
    model: Model | None = None,
    kind: TurnSourceKind | None = None,
    approver: Approver | None = None,
    recorder: EventRecorder | None = None,
    session: RunSession = NO_SESSION,
    tools: ToolSource = "world",
) -> Trial:
    """Play `scenario` once.

    Args:
        harness: The agent.
        scenario: The case; its `turns` are played unless `recording` or `model` is given.
        tables: The world it starts from.
        set_name: Name of the golden set, for the run's id.
        now: The moment it starts, where the scenario names none (the set's `now:`).
        number: Which attempt this is, from 1.
        recording: Turns a model said in a recorded run.
        model: A model to ask instead.
        kind: What that model is; left out = a live one.
        approver: Who is asked instead of the scenario's script.
        recorder: Where events go as they happen, besides into the trial.
        session: Where the trial is a run that pauses and is resumed.
        tools: What answers reads.
    """
    turns = recording.turns if recording is not None else scenario.turns
    end = recording.end if recording is not None else scenario.end
    if kind is None:
        kind = "live" if model is not None else "recorded" if recording else "written"
    name = (recording.model if recording else None) or harness.model_name
    world = World(tables, harness.bundle.tables, scenario.world)
    fault: str | None = None
    if turns is None and model is None:
        fault = "no recorded turns: record them, or run with a model"
        return Trial(scenario.id, number, kind, name, [], world, fault, end)
    scripted, inputs = _parts(turns or (), name, user_lines(scenario), session.replay)
    context = RunContext(
        principal=scenario_principal(scenario, harness),
        model=model or scripted,
        clock=VirtualClock(scenario.now or now),
        approver=approver or ScriptedApprover(scenario.approvals),
        inputs=inputs,
        recorder=recorder,
        scenario={"set": set_name, "id": scenario.id, "trial": number, "kind": kind},
        session=session,
        recorded_end=end if model is None else None,
        recorded=scripted if kind == "recorded" else None,
        recorded_cost=recording.cost if recording is not None else None,
    )
    effects = {name: tool.effect for name, tool in harness.bundle.tools.items()}
    recorded = recorded_reads(turns or (), effects) if tools == "recorded" else {}
    backend = mock_backend(harness, world, scenario.faults, recorded)
    run, met = run_agent(harness, context, backend)
    if met is not None:
        fault = _fault(met, recorded_end=end is not None, left_out=turns is None)
        if fault is not None and met.kind == OUT_OF_TURNS and kind == "recorded":
            fault += "; where the run ended with that, its recording says so: `end: answered`"
    if run.missing_mock is not None:
        fault = f"missing mock: {run.missing_mock}"
    elif kind == "written" and run.unknown_tools:
        fault = f"the turns call `{run.unknown_tools[0]}`, which no manifest defines"
    elif model is None and fault is None and scripted.left and _user_ended(run.events):
        left = count(scripted.left, "recorded turn")
        fault = f"{left} left unplayed: the user's lines ran out first"
    agent = recording.agent if recording is not None else None
    return Trial(scenario.id, number, kind, name, run.events, world, fault, end, met, agent)


def _parts(
    turns: Sequence[Turn], name: str, lines: Sequence[str | dict[str, Json]], replay: Replay | None
) -> tuple[RecordedDialogue, RecordedDialogue] | tuple[ScriptedModel, ScriptedInputs]:
    """Return who takes the model's part and the user's; a recording may hold both."""
    replied = replay.count("model.replied") if replay is not None else 0
    heard = replay.inputs_recorded if replay is not None else 0
    if any(turn.user is not None for turn in turns):
        dialogue = RecordedDialogue(turns, name, replied, heard)
        return dialogue, dialogue
    return ScriptedModel(turns, name, replied), ScriptedInputs(*lines[heard:])


def _user_ended(events: Sequence[Event]) -> bool:
    """Whether a run ended since the user had no more to say."""
    return bool(events) and events[-1].body.get("stop") == "answered"


def _fault(met: ModelFault, *, recorded_end: bool, left_out: bool) -> str | None:
    if met.kind == OUT_OF_TURNS and not left_out:
        return None if recorded_end else f"turns exhausted: {met.message}"
    return f"{'cassette' if met.kind == 'miss' else 'model'}: {met.message}"


def scenario_principal(scenario: Scenario, harness: Harness) -> Principal:
    """Return the person a scenario's agent acts for."""
    who = scenario.principal
    return Principal(who.id, who.role or harness.agent.acts_as, who.name, who.attributes)


def user_lines(scenario: Scenario) -> tuple[str | dict[str, Json], ...]:
    """Return what the user says, or the event, of a scenario."""
    if scenario.event is not None:
        return (scenario.event,)
    return (scenario.input,) if scenario.input is not None else scenario.conversation


__all__ = [
    "ToolSource",
    "Trial",
    "TurnSourceKind",
    "play_trial",
    "scenario_principal",
    "user_lines",
]
