"""`agentctl trace cost`: what runs cost, where that is heading, and whether it stands out."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Annotated, Literal, get_args

import typer

from agentctl.cli.here import root_here
from agentctl.cli.output import Format, note, write_json, write_jsonl, write_line
from agentctl.cli.render.cost import CostReport, cost_json, cost_lines, rows_json
from agentctl.core.errors import Problem, problem
from agentctl.core.exits import ExitCode
from agentctl.core.text import count, did_you_mean
from agentctl.specs.loading.project import Project
from agentctl.specs.shapes.agent import AgentSpec, CostLimit
from agentctl.traces.views.cost import Costs, Dimension, read_costs, totals
from agentctl.traces.views.trend import budgets, by_day, forecast, spikes

FailOn = Literal["any", "spike", "budget", "none"]
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)
_DAY = ["%Y-%m-%d"]


def cost_command(
    by: Annotated[
        str, typer.Option(metavar="LIST", help="Rows: of agent, model, tool, day; with commas.")
    ] = "agent",
    since: Annotated[
        datetime | None,
        typer.Option("--from", formats=_DAY, metavar="DAY", help="First day (UTC)."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option("--to", formats=_DAY, metavar="DAY", help="Last day; left out = today."),
    ] = None,
    fail_on: Annotated[
        FailOn, typer.Option("--fail-on", help="What on the last day makes the exit code 1.")
    ] = "any",
    shape: Annotated[Format, typer.Option("--format", help="What stdout gets.")] = "text",
    now: Annotated[datetime | None, typer.Option(formats=_DAY, hidden=True)] = None,
) -> int:
    """Add up what runs cost: models and tools apart, where the month is heading, days that spike.

    A spike is a day that cost over 3 times the usual one: the median of the days with spending
    among the 14 before, of which there must be 3. A budget is exceeded when its limit is used up or
    forbade a call. Replayed scenarios, mocked tools and the trials of `eval` cost nothing here.

    Exit codes: 0 nothing stands out, 1 the last day is a spike or a budget is exceeded, 3 a trace
    cannot be read.
    """
    dimensions = _dimensions(by)
    last = (until or now or datetime.now(UTC)).date()
    first = since.date() if since is not None else date.min
    if first > last:
        raise problem("empty-period", f"--from {first} is after the last day, {last}")
    project = Project.find(root_here())
    costs = read_costs(project.root)
    shown = [spend for spend in costs.spends if first <= spend.day <= last]
    days = by_day(costs)
    report = CostReport(
        dimensions,
        totals(shown, dimensions),
        totals(shown, ()),
        forecast(days, last),
        tuple(spike for spike in spikes(days) if first <= spike.day <= last),
        tuple(budgets(costs, _limits(project, costs), last)),
        costs.replayed,
        costs.unread,
        costs.erased,
    )
    match shape:
        case "json":
            write_json(cost_json(report))
        case "jsonl":
            write_jsonl(rows_json(report))
        case "text":
            for line in cost_lines(report):
                write_line(line)
    return _verdict(report, last, fail_on)


def _verdict(report: CostReport, last: date, fail_on: FailOn) -> ExitCode:
    """Say on stderr what stands out on the last day; return how the command ends."""
    for name in report.unread:
        note(f"warning: the trace {name} cannot be read; its cost is missing")
    for name in report.erased:
        note(f"warning: the content of run {name} was erased, and what it cost with it")
    bad = []
    if fail_on in ("any", "spike"):
        bad += [f"{last} is a spike" for spike in report.spikes if spike.day == last]
    if fail_on in ("any", "budget"):
        bad += [
            f"the {budget.period}'s budget of {budget.agent} is exceeded"
            for budget in report.budgets
            if budget.state == "exceeded"
        ]
    if bad:
        note(f"{'; '.join(bad)}. Next: agentctl trace list")
        return ExitCode.NO
    if report.unread:
        return ExitCode.UNKNOWN
    runs = sum(len(total.runs) for total in report.total.values())
    note(f"{count(runs, 'run')} up to {last}")
    return ExitCode.OK


def _dimensions(text: str) -> tuple[Dimension, ...]:
    known = {name: name for name in DIMENSIONS}
    asked = [word.strip() for word in text.split(",")]
    for word in asked:
        if word not in known:
            hint = did_you_mean(word, known) or f"there are: {', '.join(known)}"
            raise problem("unknown-dimension", f"`--by {word}`: not a dimension", hint=hint)
    return tuple(known[word] for word in dict.fromkeys(asked))  # type: ignore[index]


def _limits(project: Project, costs: Costs) -> dict[str, CostLimit]:
    """Return the limits that the agents met in the traces have today."""
    found: dict[str, CostLimit] = {}
    for agent in _agents(costs):
        try:
            path = project.agent_file(agent)
        except Problem:
            continue
        try:
            found[agent] = project.read(AgentSpec, path).model.limits.cost_usd
        except Problem:
            note(f"warning: the budget of {agent} is not known: agentctl check {path.name}")
    return found


def _agents(costs: Costs) -> Iterable[str]:
    return sorted({spend.agent for spend in costs.spends} | {r.agent for r in costs.refused})


__all__ = ["DIMENSIONS", "FailOn", "cost_command"]
