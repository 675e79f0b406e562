"""Chat logs as recordings: whose scenario a run is, and its messages as they are.

A line holds `messages`; beside them, or under `metadata`, it may name scenario, trial, model,
agent, end and cost. Other keys are the log's own business.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from agentctl.core.text import count, did_you_mean, shorten
from agentctl.models.provider.wire import ToolNames
from agentctl.runtime.trial import user_lines
from agentctl.specs.loading.sets import LoadedSet
from agentctl.specs.shapes.chat import turns_of_messages
from agentctl.specs.shapes.turns import Recording

_FIELDS = tuple(name for name in Recording.model_fields if name not in ("scenario", "turns"))
_USUAL = frozenset(
    ("created", "created_at", "functions", "id", "metadata", "model", "name", "n",
     "object", "response_format", "store", "stream", "temperature",
     "tool_choice", "tools", "top_p", "usage", "user")
)  # fmt: skip
"""Keys of requests and replies that stand beside messages in many logs."""


class ScenarioIndex:
    """Finds the scenario of a run that names none: by the first line of its user.

    Args:
        loaded: The golden set.
    """

    def __init__(self, loaded: LoadedSet) -> None:
        self._loaded = loaded
        self._by_line: dict[str, list[str]] | None = None

    def find(self, line: object) -> str:
        """Return the one scenario whose user begins with these words.

        Raises:
            ValueError: If there is none, or several.
        """
        wayout = "name it: `scenario`, or `metadata.scenario`"
        if not isinstance(line, str):
            raise ValueError(f"the run names no scenario, and its user says nothing; {wayout}")
        found = self._lines().get(_folded(line), [])
        if len(found) == 1:
            return found[0]
        shown = f'"{shorten(line, 60)}"'
        if found:
            names = ", ".join(f"`{name}`" for name in found[:5])
            raise ValueError(
                f"{count(len(found), 'scenario')} begin with {shown}: {names}; {wayout}"
            )
        raise ValueError(f"no scenario begins with {shown}; {wayout}")

    def _lines(self) -> dict[str, list[str]]:
        if self._by_line is None:
            self._by_line = {}
            for entry in self._loaded.scenarios():
                first = next(iter(user_lines(entry.scenario)), None)
                if isinstance(first, str):
                    self._by_line.setdefault(_folded(first), []).append(entry.scenario.id)
        return self._by_line


def _folded(text: str) -> str:
    return " ".join(text.split())


class ChatLogReader:
    """Reads lines of chat logs for one golden set.

    Args:
        index: Its scenarios.
        tools: The names of its agent's tools: a log may hold them as providers accept them.
    """

    def __init__(self, index: ScenarioIndex, tools: Iterable[str]) -> None:
        self._index = index
        self._names = ToolNames(tools)

    def recording(self, line: Mapping[str, Any]) -> dict[str, Any]:
        """Return a line as data of a `Recording`.

        Raises:
            ValueError: If its messages cannot be read, or its scenario is not to be found.
        """
        for key in line.keys() - _USUAL - {*Recording.model_fields, "messages"}:
            hint = did_you_mean(key, Recording.model_fields)
            if hint is not None:
                raise ValueError(f"unknown field `{key}`: {hint}")
        more = line.get("metadata")
        said = {**(more if isinstance(more, Mapping) else {}), **line}
        found: dict[str, Any] = {name: said[name] for name in _FIELDS if said.get(name) is not None}
        found["turns"] = turns = turns_of_messages(line["messages"])
        for turn in turns:
            for call in turn.get("calls", ()):
                call["tool"] = self._names.received(call["tool"])
        if "end" not in found and turns and "user" in turns[-1]:
            found["end"] = "user_left"
        first = next((turn["user"] for turn in turns if "user" in turn), None)
        named = said.get("scenario")
        found["scenario"] = self._index.find(first) if named is None else named
        return found


__all__ = ["ChatLogReader", "ScenarioIndex"]
