"""Does a run go in circles? Judged by its calls and their outcomes.

Words do not count: a model that asks for the same thing in other words still goes in circles. What
counts is evidence, a result that this run has not seen before.
"""

from agentctl.core.canonical import Json


class LoopDetector:
    """Counts calls that bring nothing new.

    The same call with the same outcome `repeats` times is a loop, in a row or alternating with
    others (A-B-A-B); so is the same error of a tool `repeats` times, whatever the call, when no
    evidence came between. A call that returns something new is evidence, not a loop.

    Args:
        repeats: 0 = never a loop.
    """

    __slots__ = ("_errors", "_outcomes", "_repeats")

    def __init__(self, repeats: int) -> None:
        self._repeats = repeats
        self._outcomes: dict[str, list[list[Json]]] = {}
        """Key of a call -> outcomes met, each with how often."""
        self._errors: dict[tuple[str, str], int] = {}
        """Tool and kind of error -> how often since the last evidence."""

    def observe(self, tool: str, key: str, outcome: Json, error: str | None) -> str | None:
        """Note one call and return what is being repeated, if it is a loop.

        Args:
            tool: The tool's name.
            key: `call_key` of the call.
            outcome: What came of it: a value or an error.
            error: The kind of error, where there was one.
        """
        if not self._repeats:
            return None
        times = self._same_outcome(key, outcome)
        if times >= self._repeats:
            return f"the same call of `{tool}` with the same outcome {self._repeats} times"
        if error is None:
            if times == 1:
                self._errors.clear()
            return None
        count = self._errors[tool, error] = self._errors.get((tool, error), 0) + 1
        if count >= self._repeats:
            return (
                f"`{tool}` answered `{error}` {self._repeats} times, and nothing new came between"
            )
        return None

    def _same_outcome(self, key: str, outcome: Json) -> int:
        """Count this call among those with the same outcome; most calls come only once."""
        known = self._outcomes.setdefault(key, [])
        for entry in known:
            if entry[0] == outcome:
                entry[1] += 1
                return int(entry[1])
        known.append([outcome, 1])
        return 1


__all__ = ["LoopDetector"]
