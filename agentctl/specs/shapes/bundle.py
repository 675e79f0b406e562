"""What the loader hands to the rest of the house: specs that were checked against each other."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agentctl.core.canonical import Json
from agentctl.specs.shapes.agent import AgentSpec
from agentctl.specs.shapes.live import Server
from agentctl.specs.shapes.policy import Policy
from agentctl.specs.shapes.project import ProjectSpec
from agentctl.specs.shapes.tools import TableSpec, ToolSpec


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """sha256 of the canonical JSON of parsed specs; comments and layout do not count."""

    agent: str
    """The agent with everything it references."""
    instructions: str
    """What the model is told: instructions, persona, goal, behaviour rules, intents, domain,
    output contract."""
    tools: str
    """The tools the agent uses, as declared."""
    model: str
    """The model's name: what recorded turns were made with."""
    policy: str


@dataclass(frozen=True, slots=True)
class Bundle:
    """One agent with everything it references. Every cross-reference has been followed."""

    agent: AgentSpec
    tools: Mapping[str, ToolSpec]
    """The agent's tools by name, in the order of its `tools:`."""
    tables: Mapping[str, TableSpec]
    """The tables of all manifests those tools come from."""
    folders: Mapping[str, Path]
    """Tool name -> folder of its manifest: where `file.py:function` is looked for."""
    servers: Mapping[str, Server]
    """Tool name -> the server its `live:` names, for those that name one."""
    policy: Policy
    project: ProjectSpec
    root: Path
    fingerprints: Fingerprints


@dataclass(frozen=True, slots=True)
class WorldSnapshot:
    """The start of a mock world: table -> record key -> record, in the order of the file."""

    records: Mapping[str, Mapping[str, Mapping[str, Json]]]


__all__ = ["Bundle", "Fingerprints", "WorldSnapshot"]
