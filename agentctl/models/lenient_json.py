"""JSON objects as models write them: in fences, among words, with a comma too many or `True`.

Only the form is repaired. What can be read in two ways, such as a duplicate key, is refused, and so
is an object that ends too early: what is missing may be half of a number.
"""

import json
import re
from collections.abc import Iterator

from agentctl.core.canonical import Json, NotCanonical, parse_strict

# A string without an end goes on to the end of the text, so that no text is read twice.
_DOUBLE = r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)'
_SINGLE = r"'(?:[^'\\]|\\.)*(?:'|\\?\Z)"
_BRACES = re.compile(rf"{_DOUBLE}|[{{}}]", re.DOTALL)
_BRACES_OF_PYTHON = re.compile(rf"{_DOUBLE}|{_SINGLE}|[{{}}]", re.DOTALL)
_OPENS_AS_PYTHON = re.compile(r"\{\s*'")
_REPAIRED = re.compile(
    rf"{_DOUBLE}|{_SINGLE}|,(?=\s*[}}\]])|\b(?:True|False|None)\b",
    re.DOTALL,
)
_PYTHON = {"True": "true", "False": "false", "None": "null", ",": ""}
_CONTROL = re.compile(r"[\x00-\x1f]")
_BARE_QUOTE = re.compile(r'(?<!\\)"')


def objects_in(text: str) -> Iterator[tuple[int, dict[str, Json] | None]]:
    """Yield the outermost objects of `text` in order, each with where it starts.

    One that cannot be read is `None`.

    >>> [found for _, found in objects_in("Sure: {'a': True,} and {b}")]
    [{'a': True}, None]
    """
    at = text.find("{")
    while at >= 0:
        end = _end(text, at)
        yield at, _read(text[at:end]) if end else None
        # An object without an end takes the rest with it.
        at = text.find("{", end) if end else -1


def without_reasoning(text: str) -> str:
    """Return `text` without what a model thinks aloud before it speaks.

    >>> without_reasoning("<think>Which tool? {x}</think> Hello"), without_reasoning("<think>So")
    (' Hello', '')
    """
    return text.partition("</think>")[2] if text.lstrip().startswith("<think>") else text


def _end(text: str, start: int) -> int:
    """Return where the object that starts at `start` ends; 0 when it does not."""
    # An apostrophe is a quote where the first key has one, and nothing elsewhere.
    braces = _BRACES_OF_PYTHON if _OPENS_AS_PYTHON.match(text, start) else _BRACES
    depth = 0
    for found in braces.finditer(text, start):
        match found.group():
            case "{":
                depth += 1
            case "}":
                depth -= 1
                if depth == 0:
                    return found.end()
    return 0


def _read(text: str) -> dict[str, Json] | None:
    try:
        found = parse_strict(text)
    except NotCanonical:
        try:
            found = parse_strict(_REPAIRED.sub(_repair, text))
        except NotCanonical:
            return None
    return found if isinstance(found, dict) else None


def _repair(found: re.Match[str]) -> str:
    text = found.group()
    if text[0] == '"':
        return _CONTROL.sub(_escaped, text)
    if text[0] == "'":
        inner = _BARE_QUOTE.sub(r"\"", text[1:-1].replace("\\'", "'"))
        return _CONTROL.sub(_escaped, f'"{inner}"')
    return _PYTHON[text]


def _escaped(control: re.Match[str]) -> str:
    return json.dumps(control.group())[1:-1]


__all__ = ["objects_in", "without_reasoning"]
