"""Write a manifest and its rules as YAML that people edit: stable order, short things short."""

import math
import re
from collections.abc import Mapping, Sequence
from io import StringIO
from types import MappingProxyType
from typing import Any

import yaml

from agentctl.core.canonical import Json
from agentctl.specs.reading.yaml import YamlPath

_WIDTH = 96
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_QUOTED = re.compile(r"[-+.0-9].*|[yn]", re.IGNORECASE | re.DOTALL)
"""Text that some reader takes for a number or a boolean; PyYAML knows only those of YAML 1.1."""
_BREAKS = re.compile("[\n\x85\u2028\u2029]")


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - they are refused when read
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:  # noqa: ARG002
        return super().increase_indent(flow, False)


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = '"' if _BREAKS.search(text) else "'" if _QUOTED.fullmatch(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _text)


def to_yaml(
    document: Mapping[str, Json],
    comments: Sequence[str] = (),
    remarks: Mapping[YamlPath, str] = MappingProxyType({}),
) -> str:
    """Return a document as YAML.

    Args:
        document: The data.
        comments: Stand before it, a line each.
        remarks: Path of a key -> a comment on the line above it.
    """
    lines = [f"# {_one_line(comment)}".rstrip() for comment in comments]
    written = StringIO()
    dumper = _Dumper(written, width=math.inf, allow_unicode=True, sort_keys=False)
    node = dumper.represent_data(document)
    _lay_out(node, 0)
    dumper.open()
    dumper.serialize(node)
    dumper.close()
    return "\n".join([*lines, _remarked(written.getvalue(), remarks)])


def _remarked(text: str, remarks: Mapping[YamlPath, str]) -> str:
    if not remarks:
        return text
    lines = text.splitlines(keepends=True)
    root = yaml.compose(text, Loader=_LOADER)
    places = [(_line_of(root, path), remark) for path, remark in remarks.items()]
    for number, remark in sorted(places, reverse=True):
        line = lines[number]
        # The first key of an item of a list stands behind its dash.
        indent = len(line) - len(line.lstrip(" -"))
        lines.insert(number, f"{' ' * indent}# {_one_line(remark)}\n")
    return "".join(lines)


def _line_of(node: Any, path: YamlPath) -> int:
    """Return the line of a key, counted from 0."""
    line = 0
    for part in path:
        if isinstance(node, yaml.SequenceNode):
            node = node.value[int(part)]
            line = node.start_mark.line
        else:
            key, node = next(pair for pair in node.value if pair[0].value == part)
            line = key.start_mark.line
    return line


def _lay_out(node: yaml.Node, depth: int) -> None:
    """Put what is short on one line; objects of a list stand one below the other."""
    if isinstance(node, yaml.CollectionNode):
        inside = _inside(node)
        spread = isinstance(node, yaml.SequenceNode) and any(
            isinstance(item, yaml.MappingNode) for item in inside
        )
        node.flow_style = not spread and depth > 0 and _length(node) + 2 * depth < _WIDTH
        for item in inside:
            _lay_out(item, depth + 1)


def _inside(node: yaml.CollectionNode) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value)


def _length(node: yaml.Node) -> int:
    """Return about how long a node is on one line."""
    if isinstance(node, yaml.CollectionNode):
        return 2 + sum(_length(item) + 2 for item in _inside(node))
    return len(node.value)


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


__all__ = ["to_yaml"]
