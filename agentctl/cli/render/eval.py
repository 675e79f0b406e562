"""An evaluation as text: of each set a table and its figures; then, over all sets, what failed and
why, the gates, the verdict and the next command. What matters most is read last, so it is not
scrolled away."""

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
MOST_GATES = 8
"""Gates that are listed; beyond, only those that are not met."""
_NARROW = 70
_LEAST = 40
"""Columns below which no line is made to fit."""
_COLUMN, _COST = 8, 10
"""Widths in the table by agent and model."""
_WORDS = {"passed": "passed", "failed": "FAILED", "inconclusive": "UNCLEAR"}
_COLOURS = {
    "passed": "green",
    "failed": "red",
    "inconclusive": "yellow",
    "not_evaluated": "yellow",
}
_GATES = {"passed": "met", "failed": "NOT MET", "not_evaluated": "UNCLEAR"}
_MARKS = {"min": "at least", "max": "at most", "max_ratio": "at most"}


def set_lines(result: SetResult, width: int) -> Iterator[str]:
    """Yield the table and the figures of one golden set.

    Args:
        result: What was found.
        width: Columns of the terminal.
    """
    loaded = result.loaded
    agent = loaded.bundle.agent
    header = f"{loaded.name}: agent {agent.name}, model {agent.model.name}"
    yield paint(shorten(neutralised(header), max(_LEAST, width)), "bold")
    yield ""
    yield from _table(in_file_order(result), width)
    yield ""
    yield paint("summary", "bold")
    yield from _summary(result.summary, width)
    if result.populations:
        yield ""
        yield paint("by agent and model", "bold")
        yield from population_lines(result.populations, width)
    if result.summary.untested:
        yield ""
        yield paint("not tested", "bold")
        for sentence in result.summary.untested:
            yield from _wrapped(sentence, width, "  - ", "    ")


def closing_lines(
    results: Sequence[SetResult], width: int, height: int | None, *, traces: bool
) -> Iterator[str]:
    """Yield what failed and why, the gates, and the verdict with the next command.

    Args:
        results: What was found in each set.
        width: Columns of the terminal.
        height: Its lines, all of this is to fit into; `None` = not a terminal.
        traces: Whether traces of what did not pass were kept, to point at.
    """
    gates = [paint("gates", "bold"), *_gates(results, width)]
    verdict = _verdict(results, width, traces=traces)
    room = None if height is None else height - len(gates) - len(verdict) - 4
    wrong = [
        (result, row)
        for result in results
        for row in in_file_order(result)
        if row.status != "passed"
    ]
    if wrong:
        yield paint("failures" if _any_failed(results) else "unclear", "bold")
        yield from _why(wrong, width, room)
        yield ""
    yield from gates
    yield ""
    yield from verdict


def in_file_order(result: SetResult) -> list[TrialRow]:
    """Return the rows of a set as its file lists the scenarios; trials in their order."""
    place = {scenario: number for number, scenario in enumerate(result.loaded.ids())}
    return sorted(result.rows, key=lambda row: (place[row.scenario], row.trial))


def _verdict(results: Sequence[SetResult], width: int, *, traces: bool) -> list[str]:
    """Return the verdict over all sets and the next command, on two lines if one is too short."""
    verdict = combined([result.verdict for result in results])
    passed = sum(result.summary.passed for result in results)
    trials = sum(result.summary.trials for result in results)
    scenarios = sum(result.summary.scenarios for result in results)
    noun = "scenario" if scenarios == trials else "trial"
    word = {"passed": "passed", "failed": "FAILED", "inconclusive": "CANNOT TELL"}[verdict.outcome]
    held = f"{verdict.met} of {count(len(verdict.gates), 'gate')}"
    said = f": {passed} of {count(trials, noun)} passed, {held} met."
    following = f"Next: {neutralised(_next(results, verdict, traces=traces))}"
    head = paint(word, _COLOURS[verdict.outcome])
    if len(word) + len(said) + 1 + len(following) <= width:
        return [f"{head}{said} {following}"]
    return [f"{head}{said}", following]


def _any_failed(results: Sequence[SetResult]) -> bool:
    return any(result.summary.failed for result in results)


def trial_name(row: TrialRow) -> str:
    """Return a scenario's id, with the trial's number where it is not the first."""
    return row.scenario if row.trial == 1 else f"{row.scenario}#{row.trial}"


def _next(results: Sequence[SetResult], verdict: Verdict, *, traces: bool) -> str:
    for status in ("failed", "inconclusive"):
        for result in results:
            for row in in_file_order(result):
                if row.status == "inconclusive" and row.reasons[0].kind == "miss":
                    return f"agentctl eval {result.loaded.name} --record missing"
                if row.status == status and traces:
                    return f"agentctl trace show {result.loaded.name}/{trial_name(row)}"
    name = results[0].loaded.name
    if verdict.outcome == "passed":
        return f"agentctl run --scenario {name}:{in_file_order(results[0])[0].scenario}"
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


def _why(
    wrong: Sequence[tuple[SetResult, TrialRow]], width: int, room: int | None
) -> Iterator[str]:
    """Yield why trials did not pass: of the first at least, of the others as far as there is room.

    Args:
        wrong: The trials.
        width: Columns of the terminal.
        room: Lines there are; `None` = for as many trials as `MOST_WHY` says.
    """
    taken = explained = 0
    for result, row in wrong[:MOST_WHY]:
        lines = list(_reasons(result, row, width))
        if explained and room is not None and taken + len(lines) > room:
            break
        yield from lines
        taken, explained = taken + len(lines), explained + 1
    if left := len(wrong) - explained:
        yield f"... and {left} more that did not pass (--format jsonl shows all)"


def _reasons(result: SetResult, row: TrialRow, width: int) -> Iterator[str]:
    name = neutralised(f"{result.loaded.name}/{trial_name(row)}")
    yield f"{name} {paint(_WORDS[row.status], _COLOURS[row.status])}"
    for reason in row.reasons:
        yield from _wrapped(neutralised(reason.message), width, "  - ", "    ")
    for note in row.notes:
        lead = "" if note.kind == "refused-call" else "note: "
        yield from _wrapped(f"{lead}{neutralised(note.message)}", width, "    ", "    ")


def _summary(summary: Summary, width: int) -> Iterator[str]:
    modes = ", ".join(f"{number} {mode}" for mode, number in summary.modes.items())
    counts = (
        f"{count(summary.scenarios, 'scenario')}, {count(summary.trials, 'trial')} ({modes}):"
        f" {summary.passed} passed, {summary.failed} failed,"
        f" {summary.inconclusive} inconclusive"
    )
    yield from _wrapped(counts, width, "  ", "    ")
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


def _gates(results: Sequence[SetResult], width: int) -> Iterator[str]:
    """Yield every gate, those that are not met first; where there are many, only these."""
    named = [(result.loaded.name, gate) for result in results for gate in result.verdict.gates]
    met = [one for one in named if one[1].status == "passed"]
    listed = [one for one in named if one[1].status != "passed"]
    if len(named) <= MOST_GATES:
        listed += met
    for name, gate in listed:
        yield from _gate(gate, f"{name}: " if len(results) > 1 else "", width)
    if len(named) > MOST_GATES and met:
        more = "more" if len(met) < len(named) else f"of {len(named)}"
        word = f"{_GATES['passed']:<8}"
        yield f"  {paint(word, 'green')} {len(met)} {more}"


def _gate(gate: GateResult, of: str, width: int) -> Iterator[str]:
    word = f"{_GATES[gate.status]:<8}"
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
        max(_LEAST, width),
        initial_indent=first,
        subsequent_indent=other,
        break_on_hyphens=False,
    ) or [first.rstrip()]


__all__ = [
    "MOST_GATES",
    "MOST_ROWS",
    "MOST_WHY",
    "closing_lines",
    "in_file_order",
    "population_lines",
    "set_lines",
    "trial_name",
]
