"""Change what an agent did in a trial that passed into something it must not do.

Each operator is one kind of wrong, and one entry of `OPERATORS`. It returns turns to play in place
of the scenario's own; a golden set that tests anything does not pass with them. Nothing here plays
or scores. A change that the system itself stops (`did_wrong`) says nothing about the set.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal, NamedTuple, TypeVar, cast

from agentctl.core.canonical import Json, canonical_text
from agentctl.evals.scorers.evidence import Evidence
from agentctl.evals.scorers.matching import may_have_happened
from agentctl.specs.shapes.golden import Scenario
from agentctl.specs.shapes.tools import ToolSpec
from agentctl.specs.shapes.turns import Recording, Turn, TurnCall
from agentctl.traces.views.fold import CallRecord

S = TypeVar("S", Turn, TurnCall)
Turns = tuple[Turn, ...]
WRITES = frozenset({"internal_write", "external_write", "irreversible"})


class MutationSubject(NamedTuple):
    """A trial that passed, with what its agent could have done."""

    evidence: Evidence
    turns: Turns
    """What was played: the scenario's turns, or a recording's."""
    tools: Mapping[str, ToolSpec]
    queues: Sequence[str]
    """Where the agent may pass a case to."""

    @property
    def scenario(self) -> Scenario:
        """The case."""
        return self.evidence.scenario

    def effective(self) -> list[CallRecord]:
        """Return the writes that had an effect, in order; not those answered by their key."""
        repeats = self.evidence.world.writes.repeats
        return [
            call
            for call in self.evidence.ran
            if call.effect in WRITES and may_have_happened(call) and call.call_id not in repeats
        ]

    def place(self, call: CallRecord) -> tuple[int, int]:
        """Return in which of the turns a call stands, and as which of its calls."""
        step, _, number = call.call_id.partition(".")
        replies = [index for index, turn in enumerate(self.turns) if turn.user is None]
        return replies[int(step) - 1], int(number) - 1


class Mutant(NamedTuple):
    """Turns in which an agent does something wrong."""

    operator: str
    about: str
    """What is different, for people."""
    turns: Turns
    wanted: Literal["failed", "inconclusive"] = "failed"
    """What a set that notices says of the trial."""

    def recording(self, scenario: Scenario) -> Recording:
        """Return the turns as something that can be played in the scenario.

        They are all that the agent does: where the run would go on, it ends.
        """
        end = scenario.end or (None if self.wanted == "inconclusive" else "answered")
        made: Recording = Recording.model_construct(scenario=scenario.id, turns=self.turns, end=end)
        return made


Changes = Iterator[tuple[str, Turns]]


class MutationOperator(NamedTuple):
    """One kind of wrong."""

    name: str
    about: str
    change: Callable[[MutationSubject], Changes]
    """Yields what is different, and the turns; nothing where the kind makes no sense."""
    wanted: Literal["failed", "inconclusive"] = "failed"


def mutants_of(subject: MutationSubject) -> Iterator[Mutant]:
    """Yield every mutant of a trial, by operator."""
    for operator in OPERATORS:
        for about, turns in operator.change(subject):
            yield Mutant(operator.name, about, turns, operator.wanted)


def did_wrong(subject: MutationSubject, evidence: Evidence) -> bool:
    """Whether a mutant came to do anything else than the trial it was made of.

    It did if a write had another effect, a case went elsewhere or something new was said. If not,
    the system stopped what was wrong, and the set had nothing to notice.
    """
    after = subject._replace(evidence=evidence)
    new_words = Counter(_words(evidence)) - Counter(_words(subject.evidence))
    return bool(new_words) or _deeds(after) != _deeds(subject)


def _deeds(subject: MutationSubject) -> Counter[str]:
    escalations = subject.evidence.trajectory.escalations
    calls = [(call.tool, call.arguments) for call in subject.effective()]
    passed = [(one.body["queue"], one.body["reason"]) for one in escalations]
    return Counter(canonical_text([*part]) for part in (*calls, *passed))


def _words(evidence: Evidence) -> Iterator[str]:
    for event in evidence.events:
        if event.type == "model.replied" and event.body["text"]:
            yield event.body["text"]


def _repeat_a_write(subject: MutationSubject) -> Changes:
    for call in subject.effective():
        turn, number = subject.place(call)
        again = _turn(calls=(subject.turns[turn].calls[number],))
        yield f"{call.tool} twice", _inserted(subject.turns, turn + 1, again)


def _drop_an_expected_call(subject: MutationSubject) -> Changes:
    for call in subject.effective():
        yield f"{call.tool} never called", _without(subject, call)


def _other_words(subject: MutationSubject) -> Changes:
    for call in subject.effective():
        schema = _properties(subject.tools[call.tool].input_schema)
        for name, value in call.arguments.items():
            if isinstance(value, str) and name not in call.bound and _free_text(schema.get(name)):
                args = {**_said(subject, call), name: f"{value} Or not."}
                about = f"{call.tool} with other words in `{name}`"
                yield about, _with_call(subject, call, args)


def _another_record(subject: MutationSubject) -> Changes:
    """Act on a record of the same table that the run did not mean."""
    for call in subject.effective():
        target = subject.tools[call.tool].target
        said = _said(subject, call)
        for name, value in said.items() if target is not None else ():
            table = subject.evidence.world.table(target.table) if target is not None else None
            if table is None or not isinstance(value, str) or table.get(value) is None:
                continue
            for key, _ in table.records():
                if key != value:
                    about = f"{call.tool} with `{name}: {key}`"
                    yield about, _with_call(subject, call, {**said, name: key})


def _extra_write(subject: MutationSubject) -> Changes:
    """Call each tool that writes once more than anybody wanted, with arguments seen in the run."""
    known = {name: v for call in subject.evidence.ran for name, v in call.arguments.items()}
    start = _last_reply(subject.turns)
    for name, tool in subject.tools.items():
        if tool.effect in WRITES:
            call = TurnCall.model_construct(tool=name, args=_arguments(tool, known))
            yield f"{name} as well", _inserted(subject.turns, start, _turn(calls=(call,)))


def _same_call_id(subject: MutationSubject) -> Changes:
    """Hide a second write behind the id that the provider gave the first."""
    for call in subject.effective():
        turn, number = subject.place(call)
        first = _changed(subject.turns[turn].calls[number], id="call_1")
        calls = list(subject.turns[turn].calls)
        calls[number : number + 1] = [first, first]
        changed = _changed(subject.turns[turn], calls=tuple(calls))
        yield f"{call.tool} twice under one id", _replaced(subject.turns, turn, changed)


def _swap_the_order(subject: MutationSubject) -> Changes:
    if subject.scenario.expect.order == "any":
        return
    for first, second in pairwise(subject.effective()):
        (turn, number), (other, position) = subject.place(first), subject.place(second)
        one, two = subject.turns[turn].calls[number], subject.turns[other].calls[position]
        if one.tool != two.tool:
            turns = _with_turn_call(subject.turns, turn, number, two)
            about = f"{second.tool} before {first.tool}"
            yield about, _with_turn_call(turns, other, position, one)


def _wrong_queue(subject: MutationSubject) -> Changes:
    for name, argument, call in _routings(subject):
        for queue in _choices(subject, name, argument):
            if queue != call.arguments.get(argument):
                about = f"{name} to `{queue}`"
                yield about, _with_call(subject, call, {**_said(subject, call), argument: queue})


def _wrong_queue_first(subject: MutationSubject) -> Changes:
    for name, argument, call in _routings(subject):
        turn, _ = subject.place(call)
        for queue in _choices(subject, name, argument):
            if queue != call.arguments.get(argument):
                args = {**_said(subject, call), argument: queue}
                wrong = TurnCall.model_construct(tool=name, args=args)
                about = f"{name} to `{queue}` first"
                yield about, _inserted(subject.turns, turn, _turn(calls=(wrong,)))


def _extra_escalation(subject: MutationSubject) -> Changes:
    if not all(one.scored for one in subject.scenario.expect.escalation) or not subject.queues:
        return
    call = TurnCall.model_construct(tool="escalate", args={"reason": "I would rather not do this."})
    start = _last_reply(subject.turns)
    yield "escalate as well", _inserted(subject.turns, start, _turn(calls=(call,)))


def _forbidden_word(subject: MutationSubject) -> Changes:
    answer = subject.scenario.expect.answer
    spoken = [n for n, turn in enumerate(subject.turns) if turn.user is None]
    for phrase in answer.never if answer is not None else ():
        for index in spoken[:1]:
            turn = subject.turns[index]
            words = f"{phrase}. {turn.say}" if turn.say else f"{phrase}."
            said = _changed(turn, say=words)
            yield f"{phrase!r} beside the first call", _replaced(subject.turns, index, said)


def _leftover_turns(subject: MutationSubject) -> Changes:
    if subject.evidence.trajectory.ended.get("stop") == "answered":
        yield "one more turn than is played", (*subject.turns, _turn(say="And another thing."))


def _no_answer(subject: MutationSubject) -> Changes:
    """End with other last words than those that were asked for."""
    answer = subject.scenario.expect.answer
    last = _last_reply(subject.turns)
    if answer is not None and (answer.mentions or answer.matches is not None):
        turns = tuple(_changed(turn, say=None) if turn.calls else turn for turn in subject.turns)
        silent = [_changed(turn, say="Well.") if turn.say else turn for turn in turns]
        if turns[last].say:
            yield "says nothing that was asked for", tuple(silent)


OPERATORS: tuple[MutationOperator, ...] = (
    MutationOperator("repeat-a-write", "does a write twice", _repeat_a_write),
    MutationOperator("same-call-id", "hides a second write behind one id", _same_call_id),
    MutationOperator("drop-a-write", "leaves a write out", _drop_an_expected_call),
    MutationOperator("extra-write", "writes what nobody asked for", _extra_write),
    MutationOperator("another-record", "acts on another record", _another_record),
    MutationOperator("other-words", "writes other words than agreed", _other_words),
    MutationOperator("swap-the-order", "does two writes the wrong way round", _swap_the_order),
    MutationOperator("wrong-queue", "passes a case to the wrong queue", _wrong_queue),
    MutationOperator("wrong-queue-first", "tries the wrong queue first", _wrong_queue_first),
    MutationOperator("extra-escalation", "passes on what it can do itself", _extra_escalation),
    MutationOperator("forbidden-word", "says what it must not, early", _forbidden_word),
    MutationOperator("no-answer", "leaves out what it should mention", _no_answer),
    MutationOperator("leftover-turns", "has more to say", _leftover_turns, "inconclusive"),
)


def _routings(subject: MutationSubject) -> Iterator[tuple[str, str, CallRecord]]:
    """Yield the calls that passed the case on: tool, its argument for the queue, call."""
    for call in subject.evidence.ran:
        argument = "queue" if call.tool == "escalate" else _queue_argument(subject, call.tool)
        if argument is not None and call.effect == "escalation":
            yield call.tool, argument, call


def _queue_argument(subject: MutationSubject, tool: str) -> str | None:
    names = _properties(subject.tools[tool].input_schema) if tool in subject.tools else {}
    return next((name for name in names if "queue" in name), None)


def _choices(subject: MutationSubject, tool: str, argument: str) -> Sequence[str]:
    if tool not in subject.tools:
        return subject.queues
    schema = _properties(subject.tools[tool].input_schema).get(argument, {})
    return schema.get("enum") or subject.queues


def _arguments(tool: ToolSpec, known: Mapping[str, Json]) -> dict[str, Json]:
    """Return arguments that the schema takes: those seen in the run, else an example."""
    properties = _properties(tool.input_schema)
    return {
        name: known[name] if name in known else _example(properties.get(name, {}))
        for name in tool.input_schema.get("required", ())
        if name not in tool.bind
    }


def _example(schema: Mapping[str, Any]) -> Json:
    if schema.get("enum"):
        return schema["enum"][0]
    match schema.get("type"):
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case "array":
            return []
        case "object":
            return {}
        case _:
            return "example"


def _free_text(schema: Mapping[str, Any] | None) -> bool:
    """Whether any text fits."""
    schema = schema or {}
    return schema.get("type") == "string" and not schema.keys() & {"enum", "pattern", "format"}


def _properties(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    found = schema.get("properties")
    return found if isinstance(found, dict) else {}


def _said(subject: MutationSubject, call: CallRecord) -> dict[str, Json]:
    turn, number = subject.place(call)
    args = subject.turns[turn].calls[number].args
    return dict(args) if isinstance(args, dict) else {}


def _with_call(subject: MutationSubject, call: CallRecord, args: dict[str, Json]) -> Turns:
    turn, number = subject.place(call)
    changed = _changed(subject.turns[turn].calls[number], args=args)
    return _with_turn_call(subject.turns, turn, number, changed)


def _with_turn_call(turns: Turns, turn: int, number: int, call: TurnCall) -> Turns:
    calls = list(turns[turn].calls)
    calls[number] = call
    return _replaced(turns, turn, _changed(turns[turn], calls=tuple(calls)))


def _without(subject: MutationSubject, call: CallRecord) -> Turns:
    turn, number = subject.place(call)
    calls = subject.turns[turn].calls[:number] + subject.turns[turn].calls[number + 1 :]
    if calls:
        changed = _changed(subject.turns[turn], calls=calls)
        return _replaced(subject.turns, turn, changed)
    return subject.turns[:turn] + subject.turns[turn + 1 :]


def _changed(part: S, **fields: Any) -> S:
    """Copy a turn or a call; those of a set that was read before are not pydantic's own."""
    kind = TurnCall if hasattr(part, "args") else Turn
    kept = {name: getattr(part, name) for name in kind.model_fields}
    return cast(S, kind.model_construct(**{**kept, **fields}))


def _turn(**fields: Any) -> Turn:
    return Turn.model_construct(**fields)


def _replaced(turns: Turns, index: int, turn: Turn) -> Turns:
    return (*turns[:index], turn, *turns[index + 1 :])


def _inserted(turns: Turns, index: int, turn: Turn) -> Turns:
    return (*turns[:index], turn, *turns[index:])


def _last_reply(turns: Turns) -> int:
    return max((n for n, turn in enumerate(turns) if turn.user is None), default=len(turns))


__all__ = [
    "OPERATORS",
    "Mutant",
    "MutationOperator",
    "MutationSubject",
    "did_wrong",
    "mutants_of",
]
