"""Whatever dies, and whenever: an effect happens at most once, and what nobody knows is named."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from agentctl.app.running.state import state_of
from agentctl.core.messages import Approval
from agentctl.runtime.approvals.inbox import Responder, TracePlace, answer_approval
from agentctl.traces.audit.verify import verify_file
from agentctl.traces.log.journal import read_journal
from agentctl.traces.log.store import journal_file, traces_folder
from tests.support.killing import BROKEN, KILLED, in_process, resume, start
from tests.support.live_project import write_project
from tests.support.provider import Provider, serving

SAMPLE, ALL = 40, 240
"""Kills of `make test`, and of `make soak`."""


class Variant(NamedTuple):
    """What the provider and the manifest offer to find out whether an effect happened."""

    name: str
    header: bool
    reconcile: bool
    lost: int


VARIANTS = [
    Variant("the provider recognises keys", header=True, reconcile=False, lost=0),
    Variant(
        "the provider recognises keys and loses an answer", header=True, reconcile=False, lost=1
    ),
    Variant("there is a look-up", header=False, reconcile=True, lost=0),
    Variant("there is a look-up, and an answer is lost", header=False, reconcile=True, lost=1),
    Variant("there is neither", header=False, reconcile=False, lost=0),
]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.delenv("AGENTCTL_HOME", raising=False)
    return tmp_path / "desk"


def given(root: Path) -> None:
    """Say yes to whatever waits."""
    state = state_of(root)
    place = TracePlace(traces_folder(root), journal_file(root))
    for row in state.approvals.pending(datetime.now(UTC)):
        answer_approval(place, state.approvals, row, Approval("approve"), Responder("dana", "test"))


def whole_story(root: Path, kills: Iterator[tuple[int, bool]]) -> int:
    """Play a run to its end, killed now and then; return the barriers of what was not killed."""
    passed = 0
    for step in (lambda: start(root), *[lambda: resume(root)] * 8):
        kill_at, torn = next(kills)
        ended = in_process(step, kill_at, torn=torn)
        assert ended.code in (0, KILLED, BROKEN), ended
        if ended.code == BROKEN:
            # Nothing was begun, or everything is over: anything else is a defect.
            assert "has ended" in ended.said or "no event" in ended.said, ended.said
            return passed
        passed += ended.barriers
        given(root)
    return passed


def no_kills() -> Iterator[tuple[int, bool]]:
    while True:
        yield 0, False


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: v.name)
def test_without_a_crash_there_is_one_effect(
    root: Path, variant: Variant, monkeypatch: pytest.MonkeyPatch
):
    """The baseline: pause, approval, effect, answer."""
    with serving(Provider(recognises_keys=variant.header)) as shop:
        monkeypatch.setenv("SHOP_API", shop.url)
        shop.lose_answers = variant.lost
        write_project(root, header=variant.header, reconcile=variant.reconcile)
        assert whole_story(root, no_kills()) > 40, "the barriers are where they should be"
        assert shop.effects_on("o_1") == 1
        assert_one_story(root)


@pytest.mark.parametrize("seed", range(SAMPLE))
def test_killed_at_any_barrier_it_never_acts_twice(
    root: Path, monkeypatch: pytest.MonkeyPatch, seed: int
):
    """kill -9 at seeded barriers of ledger, trace, journal and request: at most one effect."""
    killed_anywhere(root, monkeypatch, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(SAMPLE, ALL))
def test_killed_at_any_barrier_it_never_acts_twice_long(
    root: Path, monkeypatch: pytest.MonkeyPatch, seed: int
):
    """The same at two hundred more."""
    killed_anywhere(root, monkeypatch, seed)


def killed_anywhere(root: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    chance = random.Random(seed)
    variant = VARIANTS[seed % len(VARIANTS)]

    def kills() -> Iterator[tuple[int, bool]]:
        # One to three of the processes die, each at a barrier of its own.
        for _ in range(chance.randint(1, 3)):
            yield chance.choice((0, chance.randint(1, 60))), chance.random() < 0.3
        yield from no_kills()

    with serving(Provider(recognises_keys=variant.header)) as shop:
        monkeypatch.setenv("SHOP_API", shop.url)
        shop.lose_answers = variant.lost
        write_project(root, header=variant.header, reconcile=variant.reconcile)
        whole_story(root, kills())
        done = shop.effects_on("o_1")
        assert done <= 1, f"{variant.name}: {done} effects"
        assert_one_story(root)
        ledger = state_of(root).ledger
        doubts = ledger.open_effects()
        if doubts:
            assert variant == VARIANTS[-1], "a provider that can be asked leaves no doubt"
            assert [effect.tool for effect in doubts] == ["cancel_order"]
        elif stopped(root) == "answered":
            assert done == 1


def assert_one_story(root: Path) -> None:
    """Assert that trace and journal verify, before and after every crash, as one whole."""
    journal = read_journal(journal_file(root))
    assert journal.wrong is None, journal.wrong
    for path in traces_folder(root).glob("*.jsonl"):
        if not path.stat().st_size:
            continue  # killed before its first event
        for check in verify_file(path):
            assert check.tampering is None, check


def stopped(root: Path) -> str | None:
    (path,) = traces_folder(root).glob("*.jsonl")
    whole = path.read_text().split("\n")[:-1]
    last = json.loads(whole[-1]) if whole else {}
    return last["body"]["stop"] if last.get("type") == "run.ended" else None
