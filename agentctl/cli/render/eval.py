"""An evaluation as text: a table, why what failed failed, the figures, the gates, the verdict."""

import textwrap
from collections.abc import Iterator, Sequence

from agentctl.cli.render.console import paint
from agentctl.core.text import count, neutralised, shorten
from agentctl.evals.results.figure import Figure, FigureUnit
from agentctl.evals.results.figures import FIGURES, Summary
from agentctl.evals.results.gates import GateResult, Verdict, combined
from agentctl.evals.results.populations import Population
from agentctl.evals.results.quality import PASS_HAT_K
from agentctl.evals.running.runner import SetResult
from agentctl.evals.scorers.scoring import TrialRow

MOST_ROWS = 60
"""Rows in the table; beyond, passed ones are counted and left out."""
MOST_WHY = 20
"""Trials that are explained."""
_NARROW = 70
_COLUMN, _COST = 8, 10
"""Widths in the table by agent and model."""
_WORDS = {"passed": "passed", "failed": "FAILED", "inconclusive": "UNCLEAR"}
_COLOURS = {
    "passed": "green",
    "failed": "red",
    "inconclusive": "yellow",
    "not_evaluated": "yellow",
}
_MARKS = {"min": "at least", "max": "at most", "max_ratio": "at most"}


def set_lines(result: SetResult, width: int, *, traces: bool) -> Iterator[str]:
    """Yield everything about one golden set.

    Args:
        result: What was found.
        width: Columns of the terminal.
        traces: Whether traces of what did not pass were kept, to point at.
    """
    loaded = result.loaded
    agent = loaded.bundle.agent
    yield neutralised(f"{loaded.name}: agent {agent.name}, model {agent.model.name}")
    yield ""
    yield from _table(result.rows, width)
    yield from _why(result, width, traces=traces)
    yield ""
    yield "summary"
    yield from _summary(result.summary, width)
    if result.populations:
        yield ""
        yield "by agent and model"
        yield from population_lines(result.populations, width)
    if result.summary.untested:
        yield ""
        yield "not tested"
        for sentence in result.summary.untested:
            yield from _wrapped(sentence, width, "  - ", "    ")
    yield ""
    yield "gates"
    for gate in result.verdict.gates:
        yield from _gate(gate, width)


def verdict_line(results: Sequence[SetResult], *, traces: bool) -> str:
    """Return the last line: the verdict over all sets and the next command."""
    verdict = combined([result.verdict for result in results])
    passed = sum(result.summary.passed for result in results)
    trials = sum(result.summary.trials for result in results)
    scenarios = sum(result.summary.scenarios for result in results)
    noun = "scenario" if scenarios == trials else "trial"
    word = {"passed": "passed", "failed": "FAILED", "inconclusive": "CANNOT TELL"}
    head = paint(word[verdict.outcome], _COLOURS[verdict.outcome])
    held = f"{verdict.met} of {count(len(verdict.gates), 'gate')}"
    following = _next(results, verdict, traces=traces)
    return f"{head}: {passed} of {count(trials, noun)} passed, {held} met. Next: {following}"


def trial_name(row: TrialRow) -> str:
    """Return a scenario's id, with the trial's number where it is not the first."""
    return row.scenario if row.trial == 1 else f"{row.scenario}#{row.trial}"


def _next(results: Sequence[SetResult], verdict: Verdict, *, traces: bool) -> str:
    for status in ("failed", "inconclusive"):
        for result in results:
            for row in result.rows:
                if row.status == "inconclusive" and row.reasons[0].kind == "miss":
                    return f"agentctl eval {result.loaded.name} --record missing"
                if row.status == status and traces:
                    return f"agentctl trace show {result.loaded.name}/{trial_name(row)}"
    name = results[0].loaded.name
    if verdict.outcome == "passed":
        return f"agentctl run --scenario {name}:{results[0].rows[0].scenario}"
    if any(gate.name == "stale" and gate.status != "passed" for gate in verdict.gates):
        stale = next(r for r in results if r.summary.freshness.get("stale"))
        return f"agentctl eval {stale.loaded.name} --stamp, after reviewing its turns"
    return f"agentctl eval {name} --format json"


def _table(rows: Sequence[TrialRow], width: int) -> Iterator[str]:
    shown = list(rows)
    if len(rows) > MOST_ROWS:
        shown = [row for row in rows if row.status != "passed"][:MOST_ROWS]
    names = [neutralised(trial_name(row)) for row in shown]
    first = min(max([8, *map(len, names)]), max(12, width // 3))
    narrow = width < _NARROW
    middle = "" if narrow else f"{'mode':<9}"
    if shown:
        yield f"{'scenario':<{first}}  {middle}{'status':<8} what happened"
    for name, row in zip(names, shown, strict=True):
        mode = "" if narrow else f"{row.mode:<9}"
        status = paint(f"{_WORDS[row.status]:<8}", _COLOURS[row.status])
        room = max(20, width - first - len(mode) - 11)
        yield f"{shorten(name, first):<{first}}  {mode}{status} {shorten(_happened(row), room)}"
    left = len(rows) - len(shown)
    if left:
        passed = sum(row.status == "passed" for row in rows)
        yield f"... and {left} more, {passed} of all {len(rows)} passed (--format jsonl shows all)"


def _happened(row: TrialRow) -> str:
    if row.reasons:
        more = f" (+{len(row.reasons) - 1} more)" if len(row.reasons) > 1 else ""
        return neutralised(row.reasons[0].message) + more
    parts = [row.stop or "no end"]
    if row.calls is not None:
        parts.append(f"{row.calls[1]} of {count(row.calls[0], 'expected call')}")
    parts.append(count(row.model_calls, "model turn"))
    if row.freshness == "stale":
        parts.append("stale recording")
    return ", ".join(parts)


def _why(result: SetResult, width: int, *, traces: bool) -> Iterator[str]:
    wrong = [row for row in result.rows if row.status != "passed"]
    for row in wrong[:MOST_WHY]:
        name = neutralised(trial_name(row))
        yield ""
        yield f"{name} {_WORDS[row.status]}"
        for reason in row.reasons:
            yield from _wrapped(neutralised(reason.message), width, "  - ", "    ")
        for note in row.notes:
            yield from _wrapped(f"note: {neutralised(note.message)}", width, "    ", "    ")
        if traces:
            yield f"    agentctl trace show {neutralised(result.loaded.name)}/{name}"
    if len(wrong) > MOST_WHY:
        yield ""
        yield f"... and {len(wrong) - MOST_WHY} more that did not pass (--format jsonl shows all)"


def _summary(summary: Summary, width: int) -> Iterator[str]:
    modes = ", ".join(f"{number} {mode}" for mode, number in summary.modes.items())
    yield (
        f"  {count(summary.scenarios, 'scenario')}, {count(summary.trials, 'trial')} ({modes}):"
        f" {summary.passed} passed, {summary.failed} failed,"
        f" {summary.inconclusive} inconclusive"
    )
    missing: dict[str, list[str]] = {}
    for spec in FIGURES.values():
        figure = summary.figures[spec.name]
        if not spec.listed:
            continue
        if figure.value is None:
            missing.setdefault(figure.note or "no data", []).append(spec.title)
        else:
            shown = f"{spec.title:<25} {_figure(spec.unit, figure)}"
            yield from _wrapped(shown, width, "  ", " " * 28)
    for k, figure in summary.pass_hat.items():
        label = PASS_HAT_K.title.replace("k", str(k))
        value = f"{figure.value:.4f}  mean over {count(figure.denominator or 0, 'scenario')}"  # type: ignore[arg-type]
        yield f"  {label:<25} {value}"
    for note, labels in missing.items():
        yield from _wrapped(f"not evaluated: {', '.join(labels)} ({note})", width, "  ", "    ")
    cells = summary.confusion
    yield from _wrapped(
        f"escalations: needed and done {cells['needed_done']},"
        f" needed and not done {cells['needed_not_done']}"
        + (f" ({summary.offered} offered in words)" if summary.offered else "")
        + f", needless {cells['not_needed_done']}, rightly none {cells['not_needed_not_done']}",
        width,
        "  ",
        "    ",
    )


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
    yield f"  {'agent and model':<{first}}{_row_of(heads)}" + ("cost".rjust(_COST) if cost else "")
    for name, one in zip(names, found, strict=True):
        summary = one.summary
        counts = (summary.trials, summary.passed, summary.failed, summary.inconclusive)
        cells = [*map(str, counts), _share(summary.figures["pass_rate"])]
        cells += [_share(summary.pass_hat.get(k)) for k in powers]
        money = _money(summary.figures["cost_per_scenario_usd"]).rjust(_COST) if cost else ""
        yield f"  {shorten(name, first):<{first}}{_row_of(cells)}{money}"
    yield "  rate: passed of the scored trials" + ("; cost: per scored trial" if cost else "")


def _row_of(cells: Sequence[str]) -> str:
    return "".join(cell.rjust(_COLUMN) for cell in cells)


def _share(figure: Figure | None) -> str:
    return "-" if figure is None or figure.value is None else f"{figure.value:.4f}"


def _money(figure: Figure) -> str:
    mark = "~" if figure.status == "estimated" else ""
    return "-" if figure.value is None else f"{mark}${figure.value:.4f}"


def _figure(unit: FigureUnit, figure: Figure) -> str:
    shown = figure.as_json()
    mark = "~" if figure.status == "estimated" else ""
    top, bottom = shown["numerator"], shown["denominator"]
    note = f" ({figure.note})" if figure.note else ""
    match unit:
        case "usd":
            return f"{mark}${shown['value']}  = {mark}${top} / {bottom}{note}"
        case "of_human":
            return f"{mark}{float(shown['value']):.4f}  = {mark}${top} / ${bottom}"
        case "seconds":
            return f"{shown['value']:g} s  (rank {top} of {bottom}, virtual)"
        case _ if figure.interval is not None:
            low, high = figure.interval
            return f"{shown['value']:.4f}  = {top} / {bottom}  (95%: {low:.2f} to {high:.2f})"
        case _:
            return f"{shown['value']:.4f}  = {top:g} / {bottom}"


def _gate(gate: GateResult, width: int) -> Iterator[str]:
    words = {"passed": "met", "failed": "NOT MET", "not_evaluated": "UNCLEAR"}
    word = f"{words[gate.status]:<8}"
    value = gate.observed.as_json()["value"]
    mark = "~" if gate.observed.status == "estimated" else ""
    seen = f", is {mark}{value}" if value is not None else ""
    of = f" ({gate.population})" if gate.population is not None else ""
    bound = f"{gate.name}{of} {_MARKS[gate.bound]} {gate.limit:g}{seen}"
    text = f"{bound}: {gate.note}" if gate.note else bound
    lines = list(_wrapped(neutralised(text), width - 11, "", ""))
    yield f"  {paint(word, _COLOURS[gate.status])} {lines[0]}"
    for line in lines[1:]:
        yield f"{' ' * 11}{line}"


def _wrapped(text: str, width: int, first: str, other: str) -> Iterator[str]:
    yield from textwrap.wrap(
        text,
        max(40, width),
        initial_indent=first,
        subsequent_indent=other,
        break_on_hyphens=False,
    ) or [first.rstrip()]


__all__ = ["MOST_ROWS", "MOST_WHY", "population_lines", "set_lines", "trial_name", "verdict_line"]
