"""Figures come with what they were worked out from, and nothing is zero for want of data."""

import random
from decimal import Decimal

from agentctl.evals.results.figures import summarise
from agentctl.evals.scorers.reasons import Score
from agentctl.evals.scorers.scoring import TrialRow
from agentctl.specs.shapes.golden import HumanBaseline

GOOD = TrialRow(
    scenario="a",
    trial=1,
    mode="written",
    model="m",
    status="passed",
    freshness="fresh",
    stop="answered",
    checks={"action": Score(True)},
    reasons=(),
    notes=(),
    breaches=0,
    escalation="not_needed_not_done",
    offered=False,
    resolved=True,
    cost_usd="0.01",
    cost_status="declared",
    tokens=(100, 10),
    model_calls=3,
    duration_s="3.000",
    calls=(2, 2, 2, 2.0),
)
BAD = GOOD._replace(
    status="failed",
    checks={"action": Score(False)},
    resolved=False,
    calls=(2, 1, 3, 1.5),
    cost_usd="0.03",
)
HANDED_OVER = GOOD._replace(
    stop="escalated", resolved=False, escalation="needed_done", calls=None, model_calls=1
)
UNCLEAR = BAD._replace(status="inconclusive", checks={}, escalation=None, calls=None)
PERSON = HumanBaseline(cost_usd=Decimal("4.50"))


def figures(*rows, baseline=None):
    return summarise(rows, baseline).figures


def parts(figure):
    return figure.value, figure.numerator, figure.denominator


def test_rates_are_over_scored_trials():
    """What could not be scored is in no denominator, and is counted beside."""
    found = figures(GOOD, BAD, UNCLEAR)
    assert parts(found["action_correctness"]) == (0.5, 1, 2)
    assert parts(found["pass_rate"]) == (0.5, 1, 2)
    assert parts(found["resolution_rate"]) == (0.5, 1, 2)
    assert parts(found["inconclusive"])[1:] == (1, 3)


def test_a_broken_invariant_is_no_correct_action():
    """A trial that broke an invariant is not action-correct, whatever its calls were."""
    assert figures(GOOD._replace(breaches=1))["action_correctness"].value == 0.0


def test_calls_are_counted_over_all_trials():
    """Precision is matched by judged, recall matched by expected, arguments by expected."""
    found = figures(GOOD, BAD, HANDED_OVER)
    assert parts(found["call_precision"]) == (3 / 5, 3, 5)
    assert parts(found["call_recall"]) == (3 / 4, 3, 4)
    assert parts(found["argument_score"]) == (3.5 / 4, 3.5, 4)


def test_escalation_is_a_confusion_matrix():
    """Recall is over trials that need a person, precision over escalations made."""
    missed = GOOD._replace(escalation="needed_not_done")
    needless = GOOD._replace(escalation="not_needed_done")
    found = figures(HANDED_OVER, HANDED_OVER, missed, needless)
    assert parts(found["escalation_recall"]) == (2 / 3, 2, 3)
    assert parts(found["escalation_precision"]) == (2 / 3, 2, 3)
    assert parts(found["escalation_rate"]) == (3 / 4, 3, 4)


def test_recall_without_need_is_not_evaluated():
    """Where nobody was needed, escalation recall is no number."""
    assert figures(GOOD)["escalation_recall"].status == "not_evaluated"
    assert figures(GOOD)["escalation_recall"].value is None


def test_cost_per_resolved_case_carries_all_trials_and_people():
    """(0.01 + 0.03 + 0.01 + one person 4.50) / 1 resolved, and that against one person."""
    found = figures(GOOD, BAD, HANDED_OVER, baseline=PERSON)
    per_resolved = Decimal("4.55")
    assert parts(found["cost_per_resolved_usd"]) == (per_resolved, per_resolved, 1)
    assert found["cost_vs_human"].value == per_resolved / Decimal("4.50")
    assert found["cost_per_scenario_usd"].value == Decimal("0.05") / 3


def test_cost_of_nothing_resolved_is_not_evaluated():
    """With no resolved case there is no cost per resolved case."""
    assert figures(BAD)["cost_per_resolved_usd"].status == "not_evaluated"
    assert figures(BAD)["model_calls_per_resolved"].status == "not_evaluated"


def test_escalations_without_a_known_price_leave_the_cost_open():
    """Without a human baseline, what an escalation costs is unknown, not free."""
    found = figures(GOOD, HANDED_OVER)["cost_per_resolved_usd"]
    assert found.status == "not_evaluated"
    assert "human_baseline" in found.note


def test_an_unknown_price_is_not_zero():
    """One trial of unknown price leaves every cost open."""
    found = figures(GOOD, GOOD._replace(cost_usd=None, cost_status="unknown"))
    assert found["cost_per_scenario_usd"].status == "not_evaluated"


def test_estimated_tokens_make_an_estimated_cost():
    """A cost over estimated tokens says so."""
    found = figures(GOOD, GOOD._replace(cost_status="estimated"))
    assert found["cost_per_scenario_usd"].status == "estimated"


def test_latency_is_a_real_trials_latency():
    """p50 and p95 name the rank among the trials."""
    rows = [GOOD._replace(scenario=f"s{n}", duration_s=f"{n}.000") for n in range(1, 21)]
    found = figures(*rows)
    assert parts(found["latency_p50_s"]) == (10.0, 10, 20)
    assert parts(found["latency_p95_s"]) == (19.0, 19, 20)


def test_several_trials_give_pass_hat_k():
    """pass^k is the mean over scenarios; with one trial each there is none."""
    rows = [GOOD._replace(trial=1), BAD._replace(trial=2)]
    rows += [GOOD._replace(scenario="b", trial=n) for n in (1, 2)]
    found = summarise(rows).pass_hat
    assert {k: figure.value for k, figure in found.items()} == {1: 0.75, 2: 0.5}
    assert summarise([GOOD]).pass_hat == {}


def test_what_was_not_tested_is_said():
    """Written, stale and unstamped turns are each named with their number."""
    rows = [
        GOOD,
        GOOD._replace(freshness="stale"),
        GOOD._replace(freshness="unstamped"),
        GOOD._replace(mode="recorded", freshness="not_stamped"),
    ]
    said = summarise(rows).untested
    assert [sentence.split()[0] for sentence in said] == ["3", "1", "1", "1"]
    assert "the prompt and the model were not" in said[0]


def test_the_order_of_rows_plays_no_part():
    """Shuffled rows give the same summary."""
    rows = [GOOD._replace(scenario=f"s{n}", calls=(3, 2, 3, n / 7)) for n in range(30)]
    first = summarise(rows).as_json()
    random.Random(1).shuffle(rows)
    assert summarise(rows).as_json() == first


def test_money_is_text_in_json():
    """Amounts of money are written as text, shares as numbers."""
    shown = summarise([GOOD], PERSON).as_json()["figures"]
    assert shown["cost_per_scenario_usd"]["value"] == "0.01"
    assert shown["pass_rate"]["value"] == 1.0
