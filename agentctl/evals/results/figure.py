"""What a figure is: how it is declared, what it is worked out from, what it comes to.

A figure that cannot be worked out is `not_evaluated` and says why; it is never zero. Money is
exact and written as text.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from copy import copy
from decimal import Decimal
from typing import Literal, NamedTuple, Self

from agentctl.core.canonical import Json
from agentctl.core.money import money_text
from agentctl.evals.results.statistics import wilson_interval
from agentctl.evals.scorers.scoring import TrialRow
from agentctl.specs.shapes.golden import HumanBaseline

FigureStatus = Literal["ok", "estimated", "not_evaluated"]
FigureUnit = Literal["share", "mean", "usd", "of_human", "seconds"]
"""How a figure is printed, and which bounds make sense: a share lies between 0 and 1, a cost is in
US dollars, `of_human` is a cost in terms of what a person costs, seconds are virtual."""
Number = Decimal | float | int


class Figure(NamedTuple):
    """One number of the summary and where it comes from."""

    value: Number | None
    numerator: Number | None
    denominator: Number | None
    status: FigureStatus = "ok"
    note: str | None = None
    """What was counted, or why nothing could be."""
    interval: tuple[float, float] | None = None
    """95 % Wilson interval of a share."""

    def as_json(self) -> dict[str, Json]:
        """Return the figure; money as text, shares with six decimals."""
        shown: dict[str, Json] = {
            "value": _plain(self.value),
            "numerator": _plain(self.numerator),
            "denominator": _plain(self.denominator),
            "status": self.status,
        }
        if self.interval is not None:
            shown["interval"] = [round(bound, 6) for bound in self.interval]
        if self.note is not None:
            shown["note"] = self.note
        return shown


class Tally:
    """The trials of one set, as figures count them.

    Args:
        rows: All trials.
        baseline: What the case costs when a person does it.
    """

    def __init__(self, rows: Sequence[TrialRow], baseline: HumanBaseline | None = None) -> None:
        self.rows = rows
        self.baseline = baseline
        self.scored = [row for row in rows if row.status != "inconclusive"]
        self.statuses: Counter[str] = Counter(row.status for row in rows)
        self.resolved = sum(row.resolved for row in self.scored)
        self.confusion: Counter[str] = Counter(
            row.escalation for row in self.scored if row.escalation is not None
        )
        self.per_scenario: dict[str, list[bool]] = {}
        """Scenario -> whether each of its scored trials passed."""
        for row in self.scored:
            self.per_scenario.setdefault(row.scenario, []).append(row.status == "passed")
        self.most_k = min(map(len, self.per_scenario.values()), default=0)
        """Scored trials that every scenario has."""
        self.k = 1
        """Of how many trials a figure of k trials, such as pass^k, speaks."""

    def of_k(self, k: int) -> Self:
        """Return the same trials, for a figure of `k` trials."""
        found = copy(self)
        found.k = k
        return found


class FigureSpec(NamedTuple):
    """The one declaration of a figure: everything that shows, bounds or explains it reads this."""

    name: str
    """As reports hold it and `gates:` names it."""
    title: str
    numerator: str
    """What is counted or added up."""
    denominator: str
    """What it is out of."""
    better: Literal["higher", "lower"]
    unit: FigureUnit
    work_out: Callable[[Tally], Figure]
    listed: bool = True
    """Whether the text report lists it among the figures."""


def share_figure(part: int, whole: int, of: str) -> Figure:
    """Return a share with its interval; of nothing, it is not evaluated.

    >>> share_figure(3, 4, "trials").value
    0.75
    >>> share_figure(0, 0, "escalations needed").status
    'not_evaluated'
    """
    if not whole:
        return Figure(None, part, whole, "not_evaluated", f"no {of}")
    return Figure(part / whole, part, whole, "ok", None, wilson_interval(part, whole))


def mean_figure(total: float, among: int, of: str) -> Figure:
    """Return a mean; of nothing, it is not evaluated.

    >>> mean_figure(3, 2, "scored trials").value
    1.5
    """
    if not among:
        return Figure(None, total, among, "not_evaluated", f"no {of}")
    return Figure(total / among, total, among)


def _plain(value: Number | None) -> Json:
    if isinstance(value, Decimal):
        return money_text(value)
    return round(value, 6) if isinstance(value, float) else value


__all__ = [
    "Figure",
    "FigureSpec",
    "FigureStatus",
    "FigureUnit",
    "Tally",
    "mean_figure",
    "share_figure",
]
