"""Decide whether a golden set passes. There is one `Verdict`; everything shown derives from it.

Passed, failed and cannot-tell are three ends. A gate whose figure could not be worked out, trials
that could not be scored and turns made for another prompt do not fail a set, and do not let it
pass either.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from agentctl.core.canonical import Json
from agentctl.core.errors import Diagnostic
from agentctl.core.exits import ExitCode, strongest
from agentctl.core.text import did_you_mean
from agentctl.evals.results.figure import Figure, FigureSpec
from agentctl.evals.results.figures import Summary, gated_figures
from agentctl.evals.results.quality import PASS_HAT_K
from agentctl.specs.shapes.golden import Gates, GateSpec

GateStatus = Literal["passed", "failed", "not_evaluated"]
VerdictOutcome = Literal["passed", "failed", "inconclusive"]
Bound = Literal["min", "max", "max_ratio"]

STAMP_HINT = (
    "review the turns, then run `agentctl eval SET --stamp`, or record them again; to accept"
    " them as they are, write `gates: {stale: accept}`"
)
_CODES: dict[GateStatus, ExitCode] = {
    "passed": ExitCode.OK,
    "failed": ExitCode.NO,
    "not_evaluated": ExitCode.UNKNOWN,
}
_OUTCOMES: dict[ExitCode, VerdictOutcome] = {
    ExitCode.OK: "passed",
    ExitCode.NO: "failed",
    ExitCode.UNKNOWN: "inconclusive",
}
_DEFAULT = {"pass_rate": GateSpec(min=1.0)}
_NONE_MAY = GateSpec(max=0.0)


class GateResult(NamedTuple):
    """One bound and what was observed."""

    name: str
    bound: Bound
    limit: float
    observed: Figure
    status: GateStatus
    note: str | None = None
    population: str | None = None
    """The agent and model it is about, where a set was played by several."""

    def as_json(self) -> dict[str, Json]:
        """Return the result as reports hold it."""
        row: dict[str, Json] = {
            "gate": self.name,
            "bound": self.bound,
            "limit": self.limit,
            "observed": self.observed.as_json()["value"],
            "status": self.status,
        }
        if self.population is not None:
            row["population"] = self.population
        return row if self.note is None else {**row, "note": self.note}


class Verdict(NamedTuple):
    """The decision, made of gate results and nothing else."""

    gates: tuple[GateResult, ...]

    @property
    def exit_code(self) -> ExitCode:
        """How a command with this verdict ends; without any gate the outcome is unknown."""
        if not self.gates:
            return ExitCode.UNKNOWN
        return strongest(_CODES[gate.status] for gate in self.gates)

    @property
    def outcome(self) -> VerdictOutcome:
        """The decision in one word."""
        return _OUTCOMES[self.exit_code]

    @property
    def met(self) -> int:
        """How many gates passed."""
        return sum(gate.status == "passed" for gate in self.gates)


def gate_problems(gates: Gates) -> Iterator[tuple[tuple[str, ...], Diagnostic]]:
    """Yield what makes no sense in gates, each with the keys below `gates:` that lead to it.

    An unknown figure, a bound that its figure cannot reach, a bound of another figure.
    """
    known = gated_figures()
    for name, spec in gates.figures.items():
        figure = known.get(name)
        if figure is None:
            hint = did_you_mean(name, [*known, *Gates.model_fields])
            yield (name,), Diagnostic("unknown-field", f"unknown field `{name}`", hint=hint)
        else:
            for key, message, hint in _senseless(figure, spec):
                yield (name, key), Diagnostic("wrong-bound", message, hint=hint)
    if gates.inconclusive is not None:
        for key, message, hint in _senseless(known["inconclusive"], gates.inconclusive):
            yield ("inconclusive", key), Diagnostic("wrong-bound", message, hint=hint)


def _senseless(figure: FigureSpec, spec: GateSpec) -> Iterator[tuple[str, str, str]]:
    name = figure.name
    if spec.max_ratio is not None and figure.unit != "of_human":
        yield (
            "max_ratio",
            f"`max_ratio` goes with `cost_vs_human`, not with `{name}`",
            "say `min` or `max`",
        )
    if (spec.k is not None) != (figure is PASS_HAT_K):
        needed = "needs `k`" if spec.k is None else "has no `k`"
        yield "k", f"`{name}` {needed}", "pass^3: `pass_hat_k: {k: 3, min: 0.8}`"
    for key, limit in (("min", spec.min), ("max", spec.max)):
        if figure.unit == "share" and limit is not None and limit > 1:
            message = f"`{name}` lies between 0 and 1, and its `{key}` is {limit:g}"
            yield key, message, f"for {limit:g} %, write {limit / 100:g}"
    if spec.min is not None and spec.max is not None and spec.min > spec.max:
        message = f"`{name}` cannot be at least {spec.min:g} and at most {spec.max:g}"
        yield "max", message, "swap `min` and `max`"
    if name == "inconclusive" and spec.max is None:
        message = "`inconclusive` needs `max`: how many trials may be left unscored"
        yield "min", message, "to allow one in ten, write `max: 0.1`"


def decide_gates(summary: Summary, gates: Gates, *, part: bool = False) -> Verdict:
    """Compare the figures of a set with its gates.

    What a set declares adds to the default gates: no broken invariant, every scored trial passes,
    no trial inconclusive, no stale turns. Only a gate on the same figure replaces one of them.

    Args:
        summary: The figures.
        gates: What the set declares; `gate_problems` found nothing in them.
        part: Only some scenarios were played: a figure they say nothing about is left out, but
            never whether anything passed.
    """
    declared = {**_DEFAULT, **gates.figures}
    results = [_invariants(summary)]
    for name in gated_figures():
        spec = declared.get(name)
        if spec is None:
            continue
        figure = summary.figure(name, spec.k)
        if figure.value is not None or name in _DEFAULT or not part:
            results += _bounds(name if spec.k is None else f"{name}={spec.k}", spec, figure)
    results += _inconclusive(summary, gates.inconclusive or _NONE_MAY)
    stale = summary.freshness.get("stale", 0)
    if stale:
        results.append(_stale(stale, summary.trials, accepted=gates.stale == "accept"))
    return Verdict(tuple(results))


def combined(verdicts: list[Verdict]) -> Verdict:
    """Return the verdict over several sets: every gate of each counts."""
    return Verdict(tuple(gate for verdict in verdicts for gate in verdict.gates))


def _invariants(summary: Summary) -> GateResult:
    broken = summary.breaches
    observed = Figure(broken, broken, summary.trials)
    return GateResult("invariants", "max", 0.0, observed, "failed" if broken else "passed")


def _bounds(name: str, spec: GateSpec, figure: Figure) -> list[GateResult]:
    results = []
    bounds: tuple[Bound, ...] = ("min", "max", "max_ratio")
    for bound in bounds:
        limit = getattr(spec, bound)
        if limit is not None:
            status, note = _hold(figure, bound, limit, refuse=spec.estimates == "refuse")
            results.append(GateResult(name, bound, limit, figure, status, note))
    return results


def _hold(
    figure: Figure, bound: Bound, limit: float, *, refuse: bool
) -> tuple[GateStatus, str | None]:
    if figure.value is None:
        return "not_evaluated", figure.note
    if figure.status == "estimated" and refuse:
        return "not_evaluated", "estimated, which this gate refuses; give the turns a `usage:`"
    # Nine decimals: more than a figure can mean, fewer than binary fractions disturb.
    value = round(float(figure.value), 9)
    holds = value >= limit if bound == "min" else value <= limit
    return ("passed" if holds else "failed"), None


def _inconclusive(summary: Summary, spec: GateSpec) -> list[GateResult]:
    """Compare the share of trials that could not be scored with what is allowed; above it, the
    outcome is unknown."""
    found = []
    for result in _bounds("inconclusive", spec, summary.figures["inconclusive"]):
        if result.status == "failed":
            note = f"{summary.inconclusive} of {summary.trials} trials could not be scored"
            found.append(result._replace(status="not_evaluated", note=note))
        else:
            found.append(result)
    return found


def _stale(stale: int, trials: int, *, accepted: bool) -> GateResult:
    note = f"{stale} of {trials} trials played turns made for another prompt, tool set or model"
    status: GateStatus = "passed" if accepted else "not_evaluated"
    if not accepted:
        note = f"{note}: {STAMP_HINT}"
    return GateResult("stale", "max", 0.0, Figure(stale, stale, trials), status, note)


__all__ = [
    "STAMP_HINT",
    "GateResult",
    "GateStatus",
    "Verdict",
    "VerdictOutcome",
    "combined",
    "decide_gates",
    "gate_problems",
]
