"""The words that guardrails and triggers look for, one file a language: `languages/*.yaml`.

They are read once, and not before something asks for them.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from agentctl.core.canonical import Json
from agentctl.specs.reading.yaml import parse_yaml

LANGUAGES = ("en", "de", "fr", "es", "it")
"""ISO 639-1."""


@cache
def vocabulary(language: str) -> Mapping[str, Json]:
    """Return the lists of one language."""
    name = f"{language}.yaml"
    text = files("agentctl.guardrails").joinpath("languages", name).read_text(encoding="utf-8")
    data: Mapping[str, Json] = parse_yaml(text, name).data
    return data


def words_for(section: str, *path: str) -> tuple[str, ...]:
    """Return one list in every language; a language need not have it.

    >>> words_for("escalation", "legal")[:2], words_for("denial", "words")[:2]
    (('legal', 'lawyer'), ('no', 'not'))
    """
    found: list[str] = []
    for language in LANGUAGES:
        part: Json = vocabulary(language)[section]
        for name in path:
            part = part.get(name, ())
        found += part
    return tuple(found)


__all__ = ["LANGUAGES", "vocabulary", "words_for"]
