"""Whose words an evaluation plays: those of the set, of its cassette, or of a model that is asked.

Options in, a plan's voice and studio out; what is recorded is written when the evaluation is over.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

from agentctl.cli.asking import live_model
from agentctl.cli.output import note
from agentctl.core.errors import Problem, problem
from agentctl.core.text import count
from agentctl.evals.cassettes import cassette_of, read_cassette
from agentctl.evals.takes import Takes
from agentctl.evals.voices import Studio, Voice
from agentctl.models.askers import Askers, processes_for
from agentctl.models.live import open_litellm
from agentctl.models.port import Model
from agentctl.specs.sets import LoadedSet

IN_FLIGHT = 8
"""Trials that wait for a model at the same time, where nothing else is said."""


class Wanted(NamedTuple):
    """What the options of `eval` say about the model's part."""

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


def check_wanted(wanted: Wanted, *, traces: bool, stamp: bool, jobs: int) -> Wanted:
    """Refuse options that contradict each other; return what they come to.

    Raises:
        Problem: Naming the two that do not go together.
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
        raise _apart(chosen[0], f"`{chosen[1]}`", "each says whose words are played")
    if wanted.model is not None and not (wanted.asks or wanted.replay):
        hint = "add --record, --replay or --live"
        raise problem("no-model", "`--model` is for a model that is asked or replayed", hint=hint)
    for name, value in (("--trials", wanted.trials), ("--in-flight", wanted.in_flight)):
        if value is not None and not wanted.asks:
            message = f"`{name}` is for a model that is asked"
            raise problem("no-model", message, hint="add --record or --live")
    if wanted.asks and jobs > 1:
        raise _apart("--jobs", "a model that is asked", "one process asks: --in-flight N")
    return wanted._replace(written=wanted.written or stamp or traces)


def _apart(one: str, other: str, hint: str) -> Problem:
    return problem("options", f"`{one}` and {other} do not go together", hint=hint)


@contextmanager
def casting(loaded: LoadedSet, wanted: Wanted) -> Iterator[tuple[Voice, Studio]]:
    """Give whose words are played in one set; write what was recorded when it is over.

    Raises:
        Problem: If there is no key, or a cassette that cannot be read.
    """
    if wanted.record is not None:
        with _recording(loaded, wanted) as studio:
            yield "record", studio
    elif wanted.live:
        with _asking(loaded, wanted) as studio:
            yield "live", studio
    elif wanted.written:
        yield "turns", Studio()
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
        yield "cassette" if wanted.replay else "turns", Studio(wanted.model, cassette)


@contextmanager
def _asking(loaded: LoadedSet, wanted: Wanted) -> Iterator[Studio]:
    """Give models that are asked: in this process, or for very many at a time in others."""
    in_flight = wanted.in_flight or IN_FLIGHT

    def make() -> Model:
        return askers or live_model(loaded.bundle, wanted.model)

    askers = None
    # Without a key nothing begins; and the library takes seconds, which belong to no trial.
    make()
    processes = processes_for(in_flight)
    if processes:
        askers = Askers(loaded.bundle.agent.model, wanted.model, processes)
    else:
        open_litellm()
    try:
        yield Studio(wanted.model, live=make, in_flight=in_flight, trials=wanted.trials)
    finally:
        if askers is not None:
            askers.close()


@contextmanager
def _recording(loaded: LoadedSet, wanted: Wanted) -> Iterator[Studio]:
    anew = wanted.record == "all"
    with _asking(loaded, wanted) as asking:
        takes = Takes(loaded, anew=anew)
        try:
            if takes.found:
                note(f"{count(takes.found, 'trial')} of an interrupted recording are kept")
            yield asking._replace(cassette=takes.cassette, keep=takes.keep, anew=anew)
            if not takes.kept and not takes.found:
                note(f"nothing new was recorded of `{loaded.name}`")
            file = takes.finish(wanted.trials)
            if takes.kept or takes.found:
                note(f"recorded: {file}, {count(takes.kept + takes.found, 'new trial')}")
        except BaseException:
            if takes.kept:
                trials = count(takes.kept, "recorded trial")
                note(f"{trials} kept; go on: agentctl eval {loaded.name} --record missing")
            raise
        finally:
            takes.close()


__all__ = ["IN_FLIGHT", "Wanted", "casting", "check_wanted"]
