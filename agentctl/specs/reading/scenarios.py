"""Expand the scenarios of a golden set: defaults, templates, parameters.

A scenario beats its template, a template beats the defaults. Mappings under `expect`, `world`,
`approvals` and `principal` are merged; anything else is replaced.
"""

import re
from typing import Any

from agentctl.core.canonical import Json
from agentctl.core.errors import Diagnostic, Problem
from agentctl.core.text import did_you_mean
from agentctl.specs.reading.yaml import Source
from agentctl.specs.shapes.golden import GoldenSet

_MERGED = ("expect", "world", "approvals", "principal")
_PARAMETER = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_INPUTS = ("input", "conversation", "event")
_PATHS = ("calls", "any_of")


def expand(head: GoldenSet, raw: Json, source: Source, at: tuple[str | int, ...]) -> Json:
    """Return one scenario with defaults and template filled in.

    Args:
        head: The golden set.
        raw: The scenario as written.
        source: The file, for the place of problems.
        at: Where in the file the scenario stands.

    Raises:
        Problem: If the template is unknown, or a parameter is missing.
    """
    if not isinstance(raw, dict):
        raise Problem(Diagnostic("wrong-type", "a scenario is a mapping", source.at(*at)))
    own = {key: value for key, value in raw.items() if key not in ("template", "with")}
    base = head.defaults
    name = raw.get("template")
    if name is not None:
        if name not in head.templates:
            message, hint = f"no template `{name}`", did_you_mean(str(name), head.templates)
            where = source.at(*at, "template")
            raise Problem(Diagnostic("unknown-template", message, where, hint))
        given = raw.get("with") or {}
        missing: set[str] = set()
        filled = _filled(head.templates[name], given, missing)
        if missing:
            message = f"template `{name}` needs {', '.join(f'`{m}`' for m in sorted(missing))}"
            where = source.key_at(*at, "with")
            raise Problem(Diagnostic("missing-parameter", message, where, "give it under `with:`"))
        base = merged(base, filled)
    return merged(base, own)


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Lay one scenario's keys over another's."""
    result = {key: value for key, value in base.items() if not _replaced(key, over, _INPUTS)}
    for key, value in over.items():
        if key in _MERGED and isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = _deep(result[key], value)
        else:
            result[key] = value
    return result


def _deep(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    result = {key: value for key, value in base.items() if not _replaced(key, over, _PATHS)}
    for key, value in over.items():
        known = result.get(key)
        both = isinstance(value, dict) and isinstance(known, dict)
        result[key] = _deep(known, value) if both and isinstance(known, dict) else value
    return result


def _replaced(key: str, over: dict[str, Any], group: tuple[str, ...]) -> bool:
    """Whether `over` gives another key of a group of which only one may stand."""
    return key in group and any(other in over for other in group)


def _filled(value: Json, given: dict[str, Any], missing: set[str]) -> Json:
    if isinstance(value, str):
        whole = _PARAMETER.fullmatch(value.strip())
        if whole:
            name = whole.group(1)
            if name not in given:
                missing.add(name)
            return given.get(name)
        missing.update(name for name in _PARAMETER.findall(value) if name not in given)
        return _PARAMETER.sub(lambda m: str(given.get(m.group(1), "")), value)
    if isinstance(value, dict):
        return {
            _filled(key, given, missing): _filled(item, given, missing)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_filled(item, given, missing) for item in value]
    return value


__all__ = ["expand", "merged"]
