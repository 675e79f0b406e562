"""Write docs/reference/ from the code: every key of every YAML file, with the docstring under it.

Run `python docs/generate.py` after changing a spec model; a test holds the pages to the code.
"""

import ast
import inspect
import itertools
import sys
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

import agentctl
from agentctl.app.checking.table import CHECKS
from agentctl.core.events import EVENTS, STOP_REASONS, EventDeclaration, Keep
from agentctl.core.exits import ExitCode
from agentctl.evals.results.figures import gated_figures
from agentctl.specs.checks.tools.risks import DOES
from agentctl.specs.language.matchers import MATCHERS
from agentctl.specs.shapes.base import Family
from agentctl.specs.shapes.kinds import KINDS

HERE = Path(__file__).parent / "reference"


def docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstring under each field of a model."""
    found = {}
    for base in reversed(model.__mro__[: model.__mro__.index(BaseModel)]):
        tree = ast.parse(inspect.getsource(base).strip())
        body = tree.body[0].body  # type: ignore[attr-defined]
        for field, after in itertools.pairwise(body):
            said = after.value if isinstance(after, ast.Expr) else None
            if isinstance(field, ast.AnnAssign) and isinstance(said, ast.Constant):
                found[ast.unparse(field.target)] = " ".join(str(said.value).split())
    return found


def parts(annotation: Any) -> list[type[BaseModel]]:
    """Return the models an annotation speaks of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        head = issubclass(annotation, Family) and annotation.is_head()
        return annotation.members() if head else [annotation]
    return [model for arg in get_args(annotation) for model in parts(arg)]


def shape(annotation: Any) -> str:
    """Write an annotation as YAML people read it."""
    inner = [arg for arg in get_args(annotation) if arg is not type(None)]
    origin = get_origin(annotation)
    if origin is Annotated or (origin in (Union, UnionType) and len(inner) == 1):
        return shape(inner[0])
    if origin in (Union, UnionType):
        return " or ".join(shape(arg) for arg in inner)
    if origin is tuple:
        return f"list of {shape(inner[0])}"
    if origin is dict:
        return f"mapping to {shape(inner[1])}"
    if origin is Literal:
        return " \\| ".join(f"`{choice}`" for choice in inner)
    if models := parts(annotation):
        return " or ".join(f"[{model.__name__}](#{model.__name__.lower()})" for model in models)
    return _PLAIN.get(annotation, "any value")


_PLAIN: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Decimal: "US dollars",
    datetime: "moment",
}


def section(model: type[BaseModel]) -> str:
    """Return the table of one model."""
    said = docstrings(model)
    lines = [f"## {model.__name__}", "", " ".join((model.__doc__ or "").split()), ""]
    lines += ["| key | value | needed | meaning |", "|---|---|---|---|"]
    for name, info in model.model_fields.items():
        needed = "yes" if info.is_required() else ""
        meaning = said.get(name, "").replace("|", "\\|")
        lines.append(
            f"| `{info.alias or name}` | {shape(info.annotation)} | {needed} | {meaning} |"
        )
    return "\n".join(lines)


def page(kind: str) -> str:
    """Return the page of one kind of file: its model and every model below it."""
    todo, done = [KINDS[kind]], []
    while todo:
        model = todo.pop(0)
        if model not in done:
            done.append(model)
            todo += [m for info in model.model_fields.values() for m in parts(info.annotation)]
    return f"# {kind}\n\n" + "\n\n".join(section(model) for model in done) + "\n"


def closed_sets() -> str:
    """Return the page of everything that is one of a fixed number of things."""
    codes = "\n".join(f"- `{code.value}` {code.name.lower()}" for code in ExitCode)
    return (
        "\n\n".join(
            (
                "# Closed sets",
                "## Exit codes\n\n" + codes,
                "## Why a run ends\n\n" + ", ".join(f"`{s}`" for s in STOP_REASONS),
                "## Events of a trace\n\n[Each with its fields](events.md)",
                "## Matchers\n\n" + ", ".join(f"`{m}`" for m in MATCHERS),
                "## Risks of a tool\n\n" + "\n".join(f"- `{r}`: {d}" for r, d in DOES.items()),
            )
        )
        + "\n"
    )


def checks() -> str:
    """Return the page of everything that `agentctl check` can report."""
    parts = [
        "# Checks",
        "What `agentctl check` reports; `agentctl check --explain CODE` shows one.",
    ]
    for check in sorted(CHECKS.values()):
        parts.append(f"## {check.code}\n\n{check.title} ({check.severity}). {check.explanation}")
        parts.append(f"```yaml\n{check.example}\n```")
    return "\n\n".join(parts) + "\n"


def event(declared: EventDeclaration) -> str:
    """Return the section of one type of event."""
    said = [declared.meaning, f"Phase: {declared.phase or 'none'}."]
    if declared.barrier:
        said.append("It is on the disk before anything else happens.")
    if declared.while_paused:
        said.append("A paused run may record it without going on.")
    if declared.aside:
        said.append("A run that is played back need not come to it again.")
    lines = [f"## {declared.type}", "", " ".join(said), ""]
    lines += ["| field | always there | meaning | with `content: hashed` | must agree |"]
    lines += ["|---|---|---|---|---|"]
    for field in declared.fields:
        agrees = {"replay": "resume, fork", "resume": "resume", None: ""}[field.agrees]
        there = "" if field.optional else "yes"
        kept = _kept(field.keep)
        lines.append(f"| `{field.name}` | {there} | {field.meaning} | {kept} | {agrees} |")
    return "\n".join(lines)


def _kept(keep: Keep) -> str:
    if isinstance(keep, str):
        return {"whole": "kept", "hash": "hashed", "values": "a hash of each value"}[keep]
    parts = "; ".join(f"`{name}` {_kept(below)}" for name, below in keep.items())
    return f"{parts}; the rest hashed"


EVENTS_PAGE = """# Events of a trace

A run is an ordered list of events. Each is a line of its trace: position, type, moment, run and
hashes as the header, beside it the fields below as the body.

*With `content: hashed`* says what a trace keeps where the project says `audit: {content: hashed}`;
a field that is not listed is hashed. *Must agree* says where a field must be as recorded when the
events are played back: `agentctl resume` refuses any difference, a fork (`run --from`) fewer.

"""


FIGURES_PAGE = """# Figures of an evaluation

What the summary of a golden set and its JSON report hold. Each can be bounded under `gates:` by
its name: `min` and `max`, `max_ratio` for `cost_vs_human`, and `k` for `pass_hat_k`, for example
`gates: {pass_rate: {min: 0.95}, pass_hat_k: {k: 3, min: 0.8}}`. A figure that cannot be worked out
is `not_evaluated`, and its gate is neither met nor failed.

| name | figure | numerator | denominator | unit | better |
|---|---|---|---|---|---|
"""
UNITS = {
    "share": "share, 0 to 1",
    "mean": "number",
    "usd": "US dollars",
    "of_human": "times what a person costs",
    "seconds": "virtual seconds",
}


TYPES_PAGE = """# Types

Every public class of the package, generated from its docstring. A name is defined once. The words
behind the names are in the glossary of [ARCHITECTURE.md](../../ARCHITECTURE.md).

| type | module | what it is |
|---|---|---|
"""


def figures() -> str:
    """Return the page of everything that is counted."""
    rows = (
        f"| `{f.name}` | {f.title} | {f.numerator} | {f.denominator} | {UNITS[f.unit]}"
        f" | {f.better} |"
        for f in gated_figures().values()
    )
    return FIGURES_PAGE + "\n".join(rows) + "\n"


def public_types() -> Iterator[tuple[str, str, str]]:
    """Yield every public class: its name, its module, the first sentence of its docstring."""
    package = Path(agentctl.__file__).parent
    for path in sorted(package.rglob("*.py")):
        module = ".".join(path.relative_to(package.parent).with_suffix("").parts)
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                said = " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())
                yield node.name, module.removeprefix("agentctl."), said


def types() -> str:
    """Return the page of every public type."""
    rows = (f"| `{name}` | `{module}` | {said} |" for name, module, said in sorted(public_types()))
    return TYPES_PAGE + "\n".join(rows) + "\n"


def pages() -> dict[str, str]:
    """Return every page by its file name."""
    made = {f"{kind.lower()}.md": page(kind) for kind in KINDS}
    made["figures.md"] = figures()
    events = "\n\n".join(event(EVENTS[name]) for name in sorted(EVENTS))
    return {
        **made,
        "checks.md": checks(),
        "closed-sets.md": closed_sets(),
        "types.md": types(),
        "events.md": EVENTS_PAGE + events + "\n",
    }


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    for name, text in pages().items():
        (HERE / name).write_text(text, encoding="utf-8")
    sys.stdout.write(f"wrote {len(pages())} pages\n")
