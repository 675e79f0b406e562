"""Does a run go in circles? Judged from its calls and what came of them."""

from agentctl.core.canonical import Json


class LoopWatch:
    """Counts calls that bring nothing new.

    The same call with the same outcome `repeats` times is a loop, in a row or alternating with
    others (A-B-A-B); so is the same error `repeats` times in a row, whatever the call. A call that
    returns something new is evidence, not a loop.

    Args:
        repeats: 0 = never a loop.
    """

    __slots__ = ("_errors_in_a_row", "_last_error", "_outcomes", "_repeats")

    def __init__(self, repeats: int) -> None:
        self._repeats = repeats
        self._outcomes: dict[str, list[list[Json]]] = {}
        """Signature -> outcomes met, each with how often."""
        self._last_error: tuple[str, str] | None = None
        self._errors_in_a_row = 0

    def observe(self, tool: str, signature: str, outcome: Json, error: str | None) -> str | None:
        """Note one call and return what is being repeated, if it is a loop.

        Args:
            tool: The tool's name.
            signature: Equal for equal calls.
            outcome: What came of it: a value or an error.
            error: The kind of error, where there was one.
        """
        if not self._repeats:
            return None
        if self._same_outcome(signature, outcome) >= self._repeats:
            return f"the same call of `{tool}` with the same outcome {self._repeats} times"
        if error is None:
            self._last_error = None
            return None
        same = (tool, error)
        self._errors_in_a_row = self._errors_in_a_row + 1 if same == self._last_error else 1
        self._last_error = same
        if self._errors_in_a_row >= self._repeats:
            return f"`{tool}` answered `{error}` {self._repeats} times in a row"
        return None

    def _same_outcome(self, signature: str, outcome: Json) -> int:
        """Count this call among those with the same outcome; most calls come only once."""
        known = self._outcomes.setdefault(signature, [])
        for entry in known:
            if entry[0] == outcome:
                entry[1] += 1
                return int(entry[1])
        known.append([outcome, 1])
        return 1


__all__ = ["LoopWatch"]
