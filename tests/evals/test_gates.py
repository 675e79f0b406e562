"""One verdict, and the exit code is the verdict's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentctl.core.exits import ExitCode
from agentctl.evals.results.figures import summarise
from agentctl.evals.results.gates import combined, decide_gates, gate_problems
from agentctl.specs.shapes.golden import Gates
from tests.evals.test_summary import BAD, GOOD, HANDED_OVER, PERSON, UNCLEAR


def verdict(*rows, baseline=None, **gates):
    return decide_gates(summarise(rows, baseline), Gates.model_validate(gates))


def statuses(found):
    return {gate.name: gate.status for gate in found.gates}


def test_without_gates_every_trial_must_pass():
    """A set without gates passes only if every scored trial passes."""
    assert verdict(GOOD, GOOD).exit_code == ExitCode.OK
    assert verdict(GOOD, BAD).exit_code == ExitCode.NO


def test_a_gate_on_the_pass_rate_replaces_the_default_one():
    """A failed trial does not fail a set that allows for it."""
    found = verdict(GOOD, BAD, pass_rate={"min": 0.5})
    assert found.outcome == "passed"
    assert verdict(GOOD, BAD, pass_rate={"min": 0.51}).outcome == "failed"


def test_declared_gates_add_to_the_default_ones():
    """A set whose only gate is about cost still fails with a failed trial."""
    found = verdict(GOOD, BAD, cost_per_scenario_usd={"max": 1})
    assert statuses(found)["cost_per_scenario_usd"] == "passed"
    assert (statuses(found)["pass_rate"], found.outcome) == ("failed", "failed")
    assert verdict(GOOD, UNCLEAR, cost_per_scenario_usd={"max": 1}).outcome == "inconclusive"


@pytest.mark.parametrize("part", [False, True])
@pytest.mark.parametrize(
    "gates", [{}, {"escalation_recall": {"min": 1}}, {"pass_rate": {"min": 0}}]
)
def test_nothing_scored_is_never_passed(part, gates):
    """However many inconclusive trials are allowed, and whatever is selected."""
    allowed = Gates.model_validate({"inconclusive": {"max": 1}, **gates})
    found = decide_gates(summarise([UNCLEAR, UNCLEAR]), allowed, part=part)
    assert (found.outcome, statuses(found)["pass_rate"]) == ("inconclusive", "not_evaluated")


def test_a_bound_that_is_just_met_is_met():
    """19 of 20 meets 0.95: binary fractions do not decide."""
    rows = [GOOD] * 19 + [BAD]
    assert verdict(*rows, pass_rate={"min": 0.95}).outcome == "passed"
    assert verdict(*rows, pass_rate={"max": 0.95}).outcome == "passed"


def test_one_broken_invariant_fails_whatever_the_gates():
    """A single breach among many trials fails the set."""
    rows = [GOOD] * 99 + [GOOD._replace(breaches=1)]
    found = verdict(*rows, pass_rate={"min": 0.5})
    assert found.outcome == "failed"
    assert statuses(found)["invariants"] == "failed"


def test_inconclusive_trials_leave_it_open():
    """One trial that could not be scored is too many unless the set allows it."""
    assert verdict(GOOD, UNCLEAR).exit_code == ExitCode.UNKNOWN
    assert verdict(GOOD, UNCLEAR, inconclusive={"max": 0.5}).exit_code == ExitCode.OK


def test_a_failed_gate_beats_inconclusive_trials():
    """A gate that fails on conclusive trials is a no, even if others are unclear."""
    assert verdict(BAD, UNCLEAR).exit_code == ExitCode.NO


def test_everything_inconclusive_is_unknown():
    """Where nothing could be judged, nothing is told."""
    assert verdict(UNCLEAR, UNCLEAR).exit_code == ExitCode.UNKNOWN


def test_a_gate_without_data_leaves_it_open():
    """A gate on a figure that could not be worked out is not met and not failed."""
    found = verdict(GOOD, escalation_recall={"min": 1})
    assert statuses(found)["escalation_recall"] == "not_evaluated"
    assert found.exit_code == ExitCode.UNKNOWN


def test_an_estimated_cost_can_meet_a_gate_unless_the_gate_refuses_estimates():
    """A cost of estimated tokens counts; with `estimates: refuse` it leaves the gate unclear."""
    row = GOOD._replace(cost_status="estimated")
    assert verdict(row, cost_per_scenario_usd={"max": 1}).outcome == "passed"
    assert verdict(row, cost_per_scenario_usd={"max": 0.001}).outcome == "failed"
    refusing = {"max": 1, "estimates": "refuse"}
    assert verdict(row, cost_per_scenario_usd=refusing).outcome == "inconclusive"
    assert verdict(GOOD, cost_per_scenario_usd=refusing).outcome == "passed"


def test_the_ratio_to_human_cost_can_be_bounded():
    """`cost_vs_human: {max_ratio: 1}` asks that a resolved case costs no more than a person."""
    gate = {"max_ratio": 1}
    assert verdict(GOOD, baseline=PERSON, cost_vs_human=gate).outcome == "passed"
    found = verdict(GOOD, HANDED_OVER, HANDED_OVER, baseline=PERSON, cost_vs_human=gate)
    assert found.outcome == "failed"


@pytest.mark.parametrize(
    ("gates", "path", "message"),
    [
        ({"pass_rate": {"max_ratio": 1}}, ("pass_rate", "max_ratio"), "max_ratio"),
        ({"pass_rate": {"min": 95}}, ("pass_rate", "min"), "lies between 0 and 1"),
        ({"pass_rate": {"min": 1.5}}, ("pass_rate", "min"), "lies between 0 and 1"),
        ({"pass_rate": {"min": 0.9, "max": 0.5}}, ("pass_rate", "max"), "cannot be at least 0.9"),
        ({"escalation_rate": {"max": 30}}, ("escalation_rate", "max"), "lies between 0 and 1"),
        ({"inconclusive": {"min": 0.1}}, ("inconclusive", "min"), "needs `max`"),
        ({"inconclusive": {"max": 5}}, ("inconclusive", "max"), "lies between 0 and 1"),
        ({"pass_rat": {"min": 1}}, ("pass_rat",), "unknown field `pass_rat`"),
        ({"pass_hat_k": {"min": 1}}, ("pass_hat_k", "k"), "needs `k`"),
        ({"pass_rate": {"k": 2, "min": 1}}, ("pass_rate", "k"), "has no `k`"),
    ],
)
def test_a_gate_that_makes_no_sense_is_named(gates, path, message):
    """An unknown figure, a bound out of reach and a key of another figure are mistakes."""
    ((where, found),) = gate_problems(Gates.model_validate(gates))
    assert (where, message in found.message) == (path, True)
    assert found.code == ("unknown-field" if len(path) == 1 else "wrong-bound")
    assert found.hint


def test_the_hint_shows_the_gate_as_it_was_meant():
    """A share for per cent, the nearest name for a typo, an example where a key is missing."""
    for gates, hint in (
        ({"pass_rate": {"min": 95}}, "for 95 %, write 0.95"),
        ({"pass_rat": {"min": 1}}, "did you mean `pass_rate`"),
        ({"inconclusiv": {"max": 1}}, "did you mean `inconclusive`"),
        ({"pass_rate": {"min": 1, "max": 0.5}}, "swap `min` and `max`"),
    ):
        ((_, found),) = gate_problems(Gates.model_validate(gates))
        assert hint in str(found.hint)


def test_bounds_that_make_sense_are_taken():
    """A cost may exceed 1, and pass^k says its k."""
    gates = {
        "cost_per_scenario_usd": {"max": 30},
        "cost_vs_human": {"max_ratio": 2},
        "pass_hat_k": {"k": 2, "min": 1},
        "pass_rate": {"min": 1, "max": 1},
        "inconclusive": {"max": 1},
    }
    assert list(gate_problems(Gates.model_validate(gates))) == []


def test_a_rate_is_not_rounded_up_to_its_bound():
    """1,899 of 2,000 do not meet 0.95, and twelve tenths in three parts meet 0.4."""
    rows = [GOOD] * 1899 + [BAD] * 101
    assert verdict(*rows, pass_rate={"min": 0.95}).outcome == "failed"
    for tenths, side in (((0.2, 0.3, 0.7), "min"), ((0.2, 0.2, 0.8), "max")):
        rows = [GOOD._replace(calls=(1, 1, 1, share)) for share in tenths]
        value = summarise(rows).figures["argument_score"].value
        assert (value < 0.4) if side == "min" else (value > 0.4)
        assert verdict(*rows, argument_score={side: 0.4}).outcome == "passed"


def test_a_selection_leaves_out_gates_that_it_says_nothing_about():
    """Of selected scenarios, a gate without data is left out; one with data counts as ever."""
    gates = Gates.model_validate({"escalation_recall": {"min": 1}, "pass_rate": {"min": 1}})
    for row, outcome in ((GOOD, "passed"), (BAD, "failed")):
        found = decide_gates(summarise([row]), gates, part=True)
        assert "escalation_recall" not in statuses(found)
        assert (statuses(found)["pass_rate"], found.outcome) == (outcome, outcome)
    rate = Gates.model_validate({"escalation_rate": {"max": 0}})
    found = decide_gates(summarise([HANDED_OVER]), rate, part=True)
    assert statuses(found)["escalation_rate"] == "failed"
    whole = statuses(decide_gates(summarise([GOOD]), gates))
    assert whole["escalation_recall"] == "not_evaluated"


def test_pass_hat_k_can_be_bounded():
    """The gate is about the k it names; without that many trials it is open."""
    rows = [GOOD._replace(trial=n) for n in (1, 2, 3)] + [BAD._replace(trial=4)]
    some = {"pass_rate": {"min": 0.7}}
    assert verdict(*rows, pass_hat_k={"k": 2, "min": 0.5}, **some).outcome == "passed"
    assert verdict(*rows, pass_hat_k={"k": 2, "min": 0.51}, **some).outcome == "failed"
    assert verdict(*rows, pass_hat_k={"k": 3, "min": 0.26}, **some).outcome == "failed"
    found = verdict(*rows, pass_hat_k={"k": 5, "min": 0.5}, **some)
    assert (statuses(found)["pass_hat_k=5"], found.outcome) == ("not_evaluated", "inconclusive")


def test_stale_turns_cannot_be_green_and_say_what_to_do():
    """Stale turns that pass are unclear with the way out; failing ones fail."""
    stale = GOOD._replace(freshness="stale")
    found = verdict(GOOD, stale)
    assert found.exit_code == ExitCode.UNKNOWN
    assert "--stamp" in next(gate.note for gate in found.gates if gate.name == "stale")
    assert verdict(GOOD, stale, stale="accept").outcome == "passed"
    assert verdict(BAD, stale).outcome == "failed"


def test_each_gate_says_what_was_observed_and_why():
    """As reports hold it: the gate, its bound and limit, the figure, and a note if there is one."""
    stale = GOOD._replace(freshness="stale")
    rows = [*[GOOD] * 6, stale._replace(breaches=1), UNCLEAR]
    found = verdict(*rows, inconclusive={"max": 0.1}, pass_hat_k={"k": 1, "min": 0.5})
    told = {gate.name: gate.as_json() for gate in found.gates}
    assert list(told) == ["invariants", "pass_rate", "pass_hat_k=1", "inconclusive", "stale"]
    assert told["invariants"] == {
        "gate": "invariants", "bound": "max", "limit": 0, "observed": 1, "status": "failed",
    }  # fmt: skip
    assert told["pass_rate"] == {
        "gate": "pass_rate", "bound": "min", "limit": 1, "observed": 1.0, "status": "passed",
    }  # fmt: skip
    assert told["inconclusive"] == {
        "gate": "inconclusive", "bound": "max", "limit": 0.1, "observed": 0.125,
        "status": "not_evaluated", "note": "1 of 8 trials could not be scored",
    }  # fmt: skip
    note = told["stale"].pop("note")
    assert note.startswith("1 of 8 trials played turns made for another prompt")
    assert told["stale"] == {
        "gate": "stale", "bound": "max", "limit": 0, "observed": 1, "status": "not_evaluated",
    }  # fmt: skip
    accepted = verdict(GOOD, stale, stale="accept").gates[-1]
    assert (accepted.status, accepted.note) == (
        "passed",
        "1 of 2 trials played turns made for another prompt, tool set or model",
    )
    assert next(g for g in verdict(GOOD).gates if g.name == "invariants").status == "passed"
    one = accepted._replace(note=None, population="order-desk, gpt-5-mini").as_json()
    assert one["population"] == "order-desk, gpt-5-mini"
    assert "note" not in one


def test_a_set_in_which_everything_met_its_gate_says_so():
    """Both bounds of one figure are gates of their own."""
    found = verdict(GOOD, BAD, pass_rate={"min": 0.5, "max": 0.4})
    assert [(g.bound, g.status) for g in found.gates if g.name == "pass_rate"] == [
        ("min", "passed"),
        ("max", "failed"),
    ]
    assert found.met == len(found.gates) - 1
    assert statuses(found)["inconclusive"] == "passed"


def test_several_sets_have_one_verdict():
    """A failed set fails the whole, an unclear one leaves the rest open."""
    good, bad, unclear = verdict(GOOD), verdict(BAD), verdict(UNCLEAR)
    assert combined([good, good]).outcome == "passed"
    assert combined([good, unclear]).outcome == "inconclusive"
    assert combined([good, unclear, bad]).outcome == "failed"
    assert combined([]).exit_code == ExitCode.UNKNOWN


rows = st.lists(st.sampled_from([GOOD, BAD, UNCLEAR, HANDED_OVER]), min_size=1, max_size=6)
bounds = st.fixed_dictionaries(
    {},
    optional={
        name: st.fixed_dictionaries({side: st.sampled_from([0, 0.5, 1])})
        for name, side in (
            ("pass_rate", "min"),
            ("escalation_recall", "min"),
            ("escalation_rate", "max"),
            ("inconclusive", "max"),
        )
    },
)


@given(rows, bounds)
def test_verdict_and_exit_code_always_agree(trials, gates):
    """Exit 0 says passed, 1 failed, 3 cannot tell: and the gates bear it out."""
    found = verdict(*trials, **gates)
    said = {0: "passed", 1: "failed", 3: "inconclusive"}
    assert found.outcome == said[int(found.exit_code)]
    kinds = {gate.status for gate in found.gates}
    assert (found.outcome == "passed") == (kinds == {"passed"})
    assert (found.outcome == "failed") == ("failed" in kinds)
    assert (found.met == len(found.gates)) == (found.exit_code == 0)
