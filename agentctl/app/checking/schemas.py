"""The JSON Schema of a kind of file, for editors: what `agentctl check --schema KIND` prints."""

from typing import Any

from agentctl.evals.results.figures import gated_figures
from agentctl.specs.shapes.kinds import json_schema


def schema_of(kind: str) -> dict[str, Any]:
    """Return the JSON Schema of a kind of file; in a golden set, gates are named by figure.

    Raises:
        Problem: If there is no such kind.
    """
    schema = json_schema(kind)
    gates = schema.get("$defs", {}).get("Gates")
    if gates is not None:
        bounds = gates["additionalProperties"]
        for name, figure in gated_figures().items():
            said = f"{figure.title}: {figure.numerator} / {figure.denominator}"
            gates["properties"].setdefault(name, {**bounds, "description": said})
        gates["additionalProperties"] = False
    return schema


__all__ = ["schema_of"]
