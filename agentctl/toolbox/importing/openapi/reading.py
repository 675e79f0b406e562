"""Read an OpenAPI document as people publish it: large, with YAML's anchors and number keys.

Unlike the files of a project, a document is somebody else's: what two YAML readers could take
differently is read as YAML 1.2 says, and not refused.
"""

import math
import re
from pathlib import Path
from typing import Any, ClassVar

import yaml

from agentctl.core.canonical import Json, NotCanonical, parse_strict
from agentctl.core.errors import problem
from agentctl.specs.reading.yaml import readable, utf8_text
from agentctl.toolbox.importing.sources import fetched, is_url

MOST_JSON_BYTES = 64 * 1024 * 1024
MOST_YAML_BYTES = 16 * 1024 * 1024
"""Reading YAML takes some twenty times as long."""
MOST_PARTS_OF_YAML = 5_000_000
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVED = (
    ("bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)$"), "tTfF"),
    ("int", re.compile(r"[-+]?(?:0|[1-9][0-9]{0,14})$"), "-+0123456789"),
    ("float", re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$"),
     "-+.0123456789"),
    ("null", re.compile(r"(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
    ("merge", re.compile(r"<<$"), "<"),
)  # fmt: skip


class _Loader(_LOADER):  # type: ignore[misc]
    """YAML 1.2's core schema; the keys of a mapping are text."""

    yaml_implicit_resolvers: ClassVar[dict[Any, Any]] = {}

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[str, Json]:  # noqa: ARG002
        self.flatten_mapping(node)
        # `200:` is the status that a key names, whatever number it looks like.
        return {
            str(key.value): self.construct_object(value, deep=True)
            for key, value in node.value
            if isinstance(key, yaml.ScalarNode)
        }

    def construct_decimal(self, node: Any) -> float:
        number = float(node.value)
        if not math.isfinite(number):
            raise yaml.constructor.ConstructorError(None, None, f"{node.value} is not finite")
        return number


for _tag, _pattern, _first in _RESOLVED:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _pattern, list(_first))
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_decimal)
_Loader.add_constructor("tag:yaml.org,2002:map", _Loader.construct_mapping)


def openapi_document(source: str) -> Json:
    """Read an OpenAPI document: a file, or an address that a person typed.

    Raises:
        Problem: If it cannot be read, or is neither JSON nor YAML.
    """
    if is_url(source):
        text = fetched(source, MOST_JSON_BYTES)
    else:
        with readable(source):
            path = Path(source)
            if path.stat().st_size > MOST_JSON_BYTES:
                raise _too_large(source, MOST_JSON_BYTES)
            content = path.read_bytes()
        text = utf8_text(content, source)
    if text.lstrip()[:1] == "{":
        try:
            return parse_strict(text, max_bytes=MOST_JSON_BYTES)
        except NotCanonical as error:
            raise problem("bad-json", f"{source}: {error}") from error
    if len(text) > MOST_YAML_BYTES:
        raise _too_large(source, MOST_YAML_BYTES, hint="convert it to JSON, which is read faster")
    return _from_yaml(text, source)


def _from_yaml(text: str, source: str) -> Json:
    try:
        found = yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{source}:{mark.line + 1}" if mark is not None else source
        why = getattr(error, "problem", None) or type(error).__name__
        raise problem("yaml-syntax", f"{where}: {why}") from error
    if _size(found, {}) > MOST_PARTS_OF_YAML:
        message = f"{source} has more than {MOST_PARTS_OF_YAML} values, aliases followed"
        raise problem("too-large", message)
    return found


def _size(value: Json, known: dict[int, float]) -> float:
    """Count the values of a document, each as often as aliases repeat it; a circle is infinite."""
    if not isinstance(value, dict | list):
        return 1
    if id(value) not in known:
        known[id(value)] = math.inf
        items = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_size(item, known) for item in items)
    return known[id(value)]


def _too_large(source: str, most: int, hint: str | None = None) -> Exception:
    return problem("too-large", f"{source} is larger than {most // 1024 // 1024} MiB", hint=hint)


__all__ = ["MOST_JSON_BYTES", "MOST_YAML_BYTES", "openapi_document"]
