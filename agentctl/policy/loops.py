"""Does a run go in circles? Judged from its calls and what came of them."""

from collections import Counter


class LoopWatch:
    """Counts calls that bring nothing new.

    The same call with the same outcome `repeats` times is a loop, in a row or alternating with
    others (A-B-A-B); so is the same error `repeats` times in a row, whatever the call. A call that
    returns something new is evidence, not a loop.

    Args:
        repeats: 0 = never a loop.
    """

    __slots__ = ("_errors_in_a_row", "_last_error", "_repeats", "_times")

    def __init__(self, repeats: int) -> None:
        self._repeats = repeats
        self._times: Counter[tuple[str, str]] = Counter()
        self._last_error: tuple[str, str] | None = None
        self._errors_in_a_row = 0

    def observe(self, tool: str, signature: str, outcome: str, error: str | None) -> str | None:
        """Note one call and return what is being repeated, if it is a loop.

        Args:
            tool: The tool's name.
            signature: Equal for equal calls.
            outcome: Equal for equal results.
            error: The kind of error, where there was one.
        """
        if not self._repeats:
            return None
        key = (signature, outcome)
        self._times[key] += 1
        if self._times[key] >= self._repeats:
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


__all__ = ["LoopWatch"]
