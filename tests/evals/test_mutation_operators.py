"""Every operator changes passing trials of every shipped set, and the set notices."""

from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from agentctl.evals.mutation.operators import (
    OPERATORS,
    MutationSubject,
    did_wrong,
    mutants_of,
)
from agentctl.evals.scorers.context import ScoringContext
from agentctl.evals.scorers.evidence import Evidence
from agentctl.evals.scorers.scoring import score_trial
from agentctl.runtime.harness import Harness
from agentctl.runtime.trial import play_trial
from agentctl.specs.loading.project import Project
from agentctl.traces.views.fold import fold
from tests.support.command import ROOT

EXPLAINED = Path(__file__).parent / "mutants_explained.yaml"
SETS = {
    "order-support": ROOT,
    "support-triage": ROOT,
    "library-desk": ROOT / "agentctl" / "templates" / "library",
}
"""Each shipped set, and the project it is in."""


class Tried(NamedTuple):
    """What became of one mutant."""

    scenario: str
    operator: str
    about: str
    fate: str
    """`caught`, `stopped` by the system, or `survived`."""


@cache
def tried(root: Path, name: str) -> list[Tried]:
    """Play every mutant of every scenario of a set."""
    loaded = Project.find(root).golden_set(str(root / "golden_sets" / f"{name}.yaml"))
    harness = Harness(loaded.bundle)
    context = ScoringContext(harness, loaded.tables, loaded.head.now)
    spec = loaded.bundle.agent.escalation
    queues = (spec.queue, *spec.queues) if spec is not None else ()

    def play(scenario, recording=None):
        trial = play_trial(
            harness,
            scenario,
            loaded.tables,
            set_name=name,
            now=loaded.head.now,
            recording=recording,
            kind="written",
        )
        evidence = Evidence(scenario, trial.events, fold(trial.events), trial.world, context, {})
        return score_trial(trial, scenario, context), evidence

    found = []
    for entry in loaded.scenarios():
        scenario = entry.scenario
        row, evidence = play(scenario)
        assert row.status == "passed", (scenario.id, row.reasons)
        subject = MutationSubject(evidence, tuple(scenario.turns), loaded.bundle.tools, queues)
        for mutant in mutants_of(subject):
            row, evidence = play(scenario, mutant.recording(scenario))
            if row.status == mutant.wanted:
                fate = "caught"
            else:
                fate = "survived" if did_wrong(subject, evidence) else "stopped"
            found.append(Tried(scenario.id, mutant.operator, mutant.about, fate))
    return found


@pytest.mark.parametrize("name", SETS)
def test_every_mutant_is_caught_or_explained(name):
    """What an agent does wrong turns its scenario red, unless the table says why it may not."""
    explained = {
        (one["scenario"], one["operator"])
        for one in yaml.safe_load(EXPLAINED.read_text())
        if one["set"] == name
    }
    survived = [one for one in tried(SETS[name], name) if one.fate == "survived"]
    assert [one for one in survived if (one.scenario, one.operator) not in explained] == []
    assert {(one.scenario, one.operator) for one in survived} == explained


def test_every_operator_is_caught_somewhere():
    """Each operator makes mutants of the shipped sets that a set catches, most of them many."""
    all_tried = [one for name in SETS for one in tried(SETS[name], name)]
    fates = Counter((one.operator, one.fate) for one in all_tried)
    assert {operator.name for operator in OPERATORS} == {
        operator for operator, fate in fates if fate == "caught"
    }
    caught = sum(number for (_, fate), number in fates.items() if fate == "caught")
    assert caught >= 500
