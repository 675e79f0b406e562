"""The words guardrails look for stand in one file a language, read when something needs them."""

import re
import subprocess
import sys
from importlib.resources import files
from typing import Any

import pytest

from agentctl.guardrails.vocabulary import LANGUAGES, vocabulary, words_for

ENGLISH_ONLY = {("claims", name) for name in ("others", "determiners", "nouns")}


def lists(part: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Return every list of a vocabulary by its path."""
    if not isinstance(part, dict):
        return {path: part}
    return {at: found for name in part for at, found in lists(part[name], (*path, name)).items()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_lists(language: str):
    """Only what describes a participle is English; nothing else is left out."""
    own, english = lists(vocabulary(language)), lists(vocabulary("en"))
    missing = english.keys() - own.keys()
    assert own.keys() <= english.keys()
    assert missing == (set() if language == "en" else ENGLISH_ONLY)
    assert all(own[path] for path in own if path != ("claims", "states", "booked"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_is_text_and_every_expression_compiles(language: str):
    """`no` is a word here, not a boolean; a word stands once in its list."""
    for path, found in lists(vocabulary(language)).items():
        words = [found] if isinstance(found, str) else found
        assert all(isinstance(word, str) and word for word in words), path
        assert len(set(words)) == len(words), path
        if path[0] == "claims":
            for word in words:
                re.compile(word.replace("<past>", "is").replace("<gap>", ""))


def test_there_is_no_file_without_its_language():
    """A file that nothing reads would be a language that nobody gets."""
    folder = files("agentctl.guardrails").joinpath("languages")
    assert sorted(file.name for file in folder.iterdir()) == sorted(f"{n}.yaml" for n in LANGUAGES)


def test_a_list_is_that_of_all_languages():
    """Whatever language someone writes, the word is found."""
    assert {"refund", "rückerstattung", "remboursement", "reembolso", "rimborso"} <= set(
        words_for("escalation", "refund")
    )


UNREAD = """
from agentctl.guardrails.claims import Claims
from agentctl.guardrails.triggers import Triggers
from agentctl.guardrails.vocabulary import vocabulary
from agentctl.specs.shapes.agent import EscalationSpec

spec = EscalationSpec.model_validate(
    {"queue": "desk", "triggers": [{"any_keyword": ["stop"]}], "default_triggers": []}
)
assert Triggers(spec).on_text("input", "go on") is None
assert not Claims([])
print(vocabulary.cache_info().currsize)
"""


def test_an_agent_that_needs_no_shipped_words_reads_none():
    """Start-up pays for the lists only where a policy or an agent uses them."""
    done = subprocess.run(
        [sys.executable, "-c", UNREAD], capture_output=True, text=True, check=True
    )
    assert done.stdout == "0\n"
