"""Fetch one document that a person asked for by its address."""

import httpx

from agentctl.core.errors import problem
from agentctl.core.exits import ExitCode

_WITHIN_S = 30.0


def fetch(url: str, most: int) -> str:
    """Return the text at an address; redirects are not followed.

    Raises:
        Problem: If it cannot be had, is longer than `most` bytes, or is no text.
    """
    content = b""
    try:
        with httpx.stream("GET", url, timeout=_WITHIN_S, follow_redirects=False) as response:
            if not response.is_success:
                raise _refused(url, f"HTTP {response.status_code}")
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > most:
                    raise _refused(url, f"it is longer than {most} bytes")
        return content.decode()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _refused(url, str(error).splitlines()[0] if str(error) else "no answer") from error
    except UnicodeDecodeError as error:
        raise _refused(url, "it is not UTF-8") from error


def _refused(url: str, why: str) -> Exception:
    host = url.split("/")[2].rpartition("@")[2]
    return problem("unreachable", f"cannot read from {host}: {why}", exit_code=ExitCode.UNKNOWN)


__all__ = ["fetch"]
