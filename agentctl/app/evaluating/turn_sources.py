"""Where an evaluation takes the model's turns from: the set, its cassette, or a live model.

Options in, a plan's turn source and model source out. What is recorded is written when the
evaluation is over.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

from agentctl.app.running.models import live_model
from agentctl.core.errors import Problem, problem
from agentctl.core.text import count
from agentctl.evals.running.cassettes import cassette_of, read_cassette
from agentctl.evals.running.recording_session import RecordingSession
from agentctl.evals.running.turn_sources import ModelSource, TurnSource
from agentctl.models.port import Model
from agentctl.models.provider.live import open_litellm
from agentctl.models.provider.workers import ModelWorkers, processes_for
from agentctl.specs.loading.sets import LoadedSet

Note = Callable[[str], None]
"""Called with a line that a person should read while it happens."""
IN_FLIGHT = 8
"""Trials that wait for a model at the same time, unless `--in-flight` says otherwise."""


class TurnSourceOptions(NamedTuple):
    """The options of `eval` that select the turns."""

    record: Literal["all", "missing"] | None = None
    replay: bool = False
    live: bool = False
    written: bool = False
    model: str | None = None
    trials: int | None = None
    in_flight: int | None = None

    @property
    def asks(self) -> bool:
        """Whether a model is really asked."""
        return self.live or self.record is not None


def check_turn_options(
    wanted: TurnSourceOptions, *, traces: bool, stamp: bool, jobs: int, recorded_tools: bool = False
) -> TurnSourceOptions:
    """Refuse options that contradict each other; return them with what they imply.

    Raises:
        Problem: Naming two options that cannot be used together.
    """
    given = {
        "--record": wanted.record is not None,
        "--replay": wanted.replay,
        "--live": wanted.live,
        "--written": wanted.written,
        "--traces": traces,
        "--stamp": stamp,
    }
    chosen = [name for name, there in given.items() if there]
    if len(chosen) > 1 and set(chosen) != {"--written", "--stamp"}:
        raise _apart(chosen[0], f"`{chosen[1]}`", "each selects whose turns are played")
    if recorded_tools and (wanted.asks or wanted.replay):
        hint = "recorded results stand on recorded turns: use --traces, or the set's own turns"
        other = next(name for name in ("--record", "--replay", "--live") if given[name])
        raise _apart("--tools recorded", f"`{other}`", hint)
    if wanted.model is not None and not (wanted.asks or wanted.replay):
        hint = "add --turns cassette, missing or live, or --record all"
        raise problem("no-model", "`--model` needs a live or replayed model", hint=hint)
    for name, value in (("--trials", wanted.trials), ("--in-flight", wanted.in_flight)):
        if value is not None and not wanted.asks:
            message = f"`{name}` needs a live model"
            raise problem("no-model", message, hint="add --turns missing or live, or --record all")
    if wanted.asks and jobs > 1:
        raise _apart("--jobs", "a live model", "use --in-flight N: one process asks the model")
    return wanted._replace(written=wanted.written or stamp or traces or recorded_tools)


def _apart(one: str, other: str, hint: str) -> Problem:
    return problem("options", f"`{one}` cannot be used with {other}", hint=hint)


@contextmanager
def open_turn_source(
    loaded: LoadedSet, wanted: TurnSourceOptions, on_note: Note
) -> Iterator[tuple[TurnSource, ModelSource]]:
    """Yield the turn source of one set; write what was recorded when the set is done.

    Raises:
        Problem: If there is no key, or a cassette that cannot be read.
    """
    if wanted.record is not None:
        with _recording(loaded, wanted, on_note) as model_source:
            yield "record", model_source
    elif wanted.live:
        with _asking(loaded, wanted) as model_source:
            yield "live", model_source
    elif wanted.written:
        yield "turns", ModelSource()
    else:
        path = cassette_of(loaded)
        there = path.is_file()
        if wanted.replay and not there:
            raise problem(
                "no-cassette",
                f"golden set `{loaded.name}` has no cassette",
                hint=f"agentctl eval {loaded.name} --record all",
            )
        cassette = read_cassette(path) if there else None
        yield "cassette" if wanted.replay else "turns", ModelSource(wanted.model, cassette)


@contextmanager
def _asking(loaded: LoadedSet, wanted: TurnSourceOptions) -> Iterator[ModelSource]:
    """Yield live models: in this process, or in others where very many are asked at a time."""
    in_flight = wanted.in_flight or IN_FLIGHT

    def make() -> Model:
        return workers or live_model(loaded.bundle, wanted.model)

    workers = None
    # Without a key nothing begins; loading the library takes seconds that belong to no trial.
    make()
    processes = processes_for(in_flight)
    if processes:
        workers = ModelWorkers(loaded.bundle.agent.model, wanted.model, processes)
    else:
        open_litellm()
    try:
        yield ModelSource(wanted.model, live=make, in_flight=in_flight, trials=wanted.trials)
    finally:
        if workers is not None:
            workers.close()


@contextmanager
def _recording(
    loaded: LoadedSet, wanted: TurnSourceOptions, on_note: Note
) -> Iterator[ModelSource]:
    rerecord = wanted.record == "all"
    with _asking(loaded, wanted) as asking:
        session = RecordingSession(loaded, rerecord=rerecord)
        try:
            if session.found:
                on_note(f"{count(session.found, 'trial')} of an interrupted recording are kept")
            yield asking._replace(cassette=session.cassette, keep=session.keep, rerecord=rerecord)
            if not session.kept and not session.found:
                on_note(f"nothing new was recorded for `{loaded.name}`")
            file = session.finish(wanted.trials)
            if session.kept or session.found:
                on_note(f"recorded: {file}, {count(session.kept + session.found, 'new trial')}")
        except BaseException:
            if session.kept:
                trials = count(session.kept, "recorded trial")
                on_note(
                    f"{trials} kept; continue with: agentctl eval {loaded.name} --record missing"
                )
            raise
        finally:
            session.close()


__all__ = ["IN_FLIGHT", "Note", "TurnSourceOptions", "check_turn_options", "open_turn_source"]
