"""How long a provider asks to be left alone."""

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


__all__ = ["retry_after_s"]
