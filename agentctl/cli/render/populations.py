"""Results by agent and model as a table, where a set was played by several."""

from collections.abc import Iterator, Sequence

from agentctl.cli.render.console import neutralised
from agentctl.core.text import shorten
from agentctl.evals.results.figure import Figure
from agentctl.evals.results.populations import Population

_COLUMN = 8
_COST = 10


def population_lines(found: Sequence[Population], width: int) -> Iterator[str]:
    """Yield a line for each agent and model: its trials, its pass rate, pass^k as far as it fits.

    Args:
        found: The results.
        width: Columns of the terminal.
    """
    names = [neutralised(one.name) for one in found]
    first = min(max([15, *map(len, names)]), max(15, width // 4))
    powers = sorted({k for one in found for k in one.summary.pass_hat})
    # Where not even pass^1 fits, the cost does not either.
    powers = powers[: max(0, (width - first - 2 - _COST) // _COLUMN - 5)]
    cost = width - first - 2 >= 5 * _COLUMN + _COST
    heads = ["trials", "passed", "failed", "unclear", "rate", *(f"pass^{k}" for k in powers)]
    yield f"  {'agent and model':<{first}}{_cells(heads)}" + ("cost".rjust(_COST) if cost else "")
    for name, one in zip(names, found, strict=True):
        summary = one.summary
        counts = (summary.trials, summary.passed, summary.failed, summary.inconclusive)
        cells = [*map(str, counts), _share(summary.figures["pass_rate"])]
        cells += [_share(summary.pass_hat.get(k)) for k in powers]
        money = _money(summary.figures["cost_per_scenario_usd"]).rjust(_COST) if cost else ""
        yield f"  {shorten(name, first):<{first}}{_cells(cells)}{money}"
    yield "  rate: passed of the scored trials" + ("; cost: per scored trial" if cost else "")


def _cells(cells: Sequence[str]) -> str:
    return "".join(cell.rjust(_COLUMN) for cell in cells)


def _share(figure: Figure | None) -> str:
    return "-" if figure is None or figure.value is None else f"{figure.value:.4f}"


def _money(figure: Figure) -> str:
    mark = "~" if figure.status == "estimated" else ""
    return "-" if figure.value is None else f"{mark}${figure.value:.4f}"


__all__ = ["population_lines"]
