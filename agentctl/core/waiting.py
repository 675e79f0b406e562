"""How long to leave a provider alone: as long as it asks, or a little longer each time."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after_s(headers: object) -> float | None:
    """Return the seconds a provider asks to wait, from `Retry-After` as seconds or a date.

    Args:
        headers: A mapping that finds `retry-after` in any case, or something else: no headers.

    >>> retry_after_s({"retry-after": "7"})
    7.0
    """
    get = getattr(headers, "get", None)
    text = str(get("retry-after") or "").strip() if get is not None else ""
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    return max(0.0, seconds) if seconds == seconds else None


def pause_s(asked_s: float | None, first_s: float, failed: int) -> float:
    """Return the seconds before the next attempt.

    Args:
        asked_s: What the provider asked for; `None` = it did not say.
        first_s: The pause after the first failure; each further one doubles it.
        failed: Attempts so far.

    >>> pause_s(None, 0.5, 1), pause_s(None, 0.5, 3), pause_s(7.0, 0.5, 3)
    (0.5, 2.0, 7.0)
    """
    return first_s * 2 ** (failed - 1) if asked_s is None else asked_s


__all__ = ["pause_s", "retry_after_s"]
