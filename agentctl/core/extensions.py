"""What other packages add to agentctl: scorers, reports and the like, each as an entry point.

A package registers `NAME = "package.module:function"` under `agentctl.scorers` or a group like it.
Only what is installed can be named, and nothing is looked for unless something is named that
agentctl has not got itself.
"""

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from agentctl.core.errors import Location, problem
from agentctl.core.text import did_you_mean


def find_extension(
    kind: str, name: str, built_in: Iterable[str], at: Location | None = None
) -> EntryPoint:
    """Return where another package registers what is named; none of its code is loaded.

    Args:
        kind: What it is, in the singular: `scorer` is looked for under `agentctl.scorers`.
        name: Its name.
        built_in: What there is besides.
        at: Where it is named.

    Raises:
        Problem: If no installed package registers it.
    """
    group = f"agentctl.{kind}s"
    registered = entry_points(group=group)
    for point in registered.select(name=name):
        return point
    known = sorted({*built_in, *registered.names})
    raise problem(
        f"unknown-{kind}",
        f"unknown {kind} `{name}`; there are {', '.join(known)}",
        at=at,
        hint=did_you_mean(name, known) or f"install the package that registers it under `{group}`",
    )


def load_extension(
    kind: str, name: str, built_in: Iterable[str] = (), at: Location | None = None
) -> Any:
    """Load what another package registers; the arguments are those of `find_extension`.

    Raises:
        Problem: If no installed package registers it, or its code cannot be loaded.
    """
    point = find_extension(kind, name, built_in, at)
    try:
        return point.load()
    except Exception as error:
        raise problem(
            f"broken-{kind}", f"{kind} `{name}` ({point.value}) cannot be loaded: {error}", at=at
        ) from error


__all__ = ["find_extension", "load_extension"]
