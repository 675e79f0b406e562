"""Checks of a file against the shape of its kind: fields, types, values."""

from agentctl.specs.checks.declared.check import Check

CHECKS = (
    Check(
        "invalid-value",
        "A value is outside of what its field accepts",
        "The message says what is accepted: a choice, a range, a pattern, or a rule between two"
        " fields. docs/reference lists every field.",
        "effect: internal_wirte",
    ),
    Check(
        "missing-field",
        "A required field is missing",
        "docs/reference marks the fields that a file of this kind must have.",
        "kind: Agent\nname: desk  # no goal, instructions, policy",
    ),
    Check(
        "no-kind",
        "The file has no `kind:`",
        "Outside the folders for agents, tools and golden sets a file has to begin with `kind:`.",
        "name: desk  # in a folder of its own, without `kind:`",
    ),
    Check(
        "not-yaml",
        "The file is not a YAML file",
        "`agentctl check` reads .yaml, .yml and golden sets in .jsonl.",
        "agentctl check notes.txt",
    ),
    Check(
        "nothing-to-check",
        "There is nothing to check",
        "The project has no agent, tool or golden set, or the folders that were named hold no YAML"
        " file.",
        "agentctl check empty-folder",
    ),
    Check(
        "two-files",
        "Two files have the name that is referred to",
        "A name stands for one file of the folder for its kind. Rename one of them, or give the"
        " path.",
        "agent: desk  # agents/desk.yaml and agents/old/desk.yaml",
    ),
    Check(
        "unknown-field",
        "A field does not exist",
        "Unknown fields are refused, so that a misspelt limit or rule cannot be ignored silently.",
        "limits: {setps: 3}",
    ),
    Check(
        "unknown-kind",
        "There is no such kind of file",
        "Kinds are Agent, ToolManifest, Policy, GoldenSet, World and Project.",
        "kind: Agnet",
    ),
    Check(
        "wrong-type",
        "A value has the wrong type",
        "The message says what is expected: text, a number, a list or a mapping.",
        "limits: {steps: many}",
    ),
)

__all__ = ["CHECKS"]
