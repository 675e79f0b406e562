"""The kinds of YAML file, and the JSON Schema of each for an editor."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from agentctl.core.errors import problem
from agentctl.core.text import did_you_mean
from agentctl.specs.shapes.agent import AgentSpec
from agentctl.specs.shapes.golden import GoldenSet, Scenario, WorldSpec
from agentctl.specs.shapes.policy import Policy
from agentctl.specs.shapes.project import ProjectSpec
from agentctl.specs.shapes.tools import ToolManifest
from agentctl.specs.shapes.turns import Recording

KINDS: dict[str, type[BaseModel]] = {
    "Agent": AgentSpec,
    "ToolManifest": ToolManifest,
    "Policy": Policy,
    "GoldenSet": GoldenSet,
    "Scenario": Scenario,
    "World": WorldSpec,
    "Recording": Recording,
    "Project": ProjectSpec,
}


def json_schema(kind: str) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a kind of file.

    Raises:
        Problem: If there is no such kind.
    """
    model = {name.casefold(): found for name, found in KINDS.items()}.get(kind.casefold())
    if model is None:
        hint = did_you_mean(kind, KINDS) or f"there are: {', '.join(KINDS)}"
        raise problem("unknown-kind", f"no kind `{kind}`", hint=hint)
    schema = model.model_json_schema(by_alias=True)
    if model is GoldenSet:
        scenario = Scenario.model_json_schema(by_alias=True, ref_template="#/$defs/{model}")
        defs = scenario.pop("$defs", {})
        # What `defaults` and templates fill in may be missing in the file.
        scenario["required"] = ["id"]
        scenario["properties"] |= {"template": {"type": "string"}, "with": {"type": "object"}}
        schema.setdefault("$defs", {}).update({**defs, "Scenario": scenario})
        schema["properties"]["scenarios"]["items"] = {"$ref": "#/$defs/Scenario"}
    return {"$schema": GenerateJsonSchema.schema_dialect, **schema}


__all__ = ["KINDS", "json_schema"]
