"""One HTTP request and its whole answer, or one sentence about why there is none.

The answer is read up to a size, counted after decompression; the address rules and the deadline are
`transport.py`'s. What fails is told without addresses, headers or content: they may hold secrets.
"""

import time
import zlib
from typing import NamedTuple

import httpcore
import httpx

from agentctl.core.messages import ToolErrorKind
from agentctl.core.waiting import retry_after_s
from agentctl.toolbox.http.transport import PrivateAddress, Transport

_COMPRESSED = ("gzip", "x-gzip", "deflate")
_GZIP_OR_ZLIB = 47
"""`wbits` by which zlib looks at the header to tell which it is."""


class HttpRequest(NamedTuple):
    """What is sent."""

    method: str
    url: httpx.URL
    headers: httpx.Headers
    content: bytes | None = None


class HttpLimits(NamedTuple):
    """What one call may take and reach."""

    until: float
    """When it ends, on the monotonic clock."""
    timeout_s: float
    """How long that was from the start, for messages."""
    max_bytes: int
    allow_private: bool


class HttpAnswer(NamedTuple):
    """What came back."""

    status: int
    headers: httpx.Headers
    content: bytes
    """Decompressed; of a redirect it is not read."""

    @property
    def redirects(self) -> bool:
        """Whether the answer stands somewhere else."""
        return 300 <= self.status < 400

    @property
    def wait_s(self) -> float | None:
        """The seconds the server asks to be left alone."""
        return retry_after_s(self.headers)


class HttpFailure(Exception):  # noqa: N818 - ends one call, not the program
    """There is no answer, or none that is believed.

    Args:
        kind: What kind of error that is.
        message: Why, in words that hold no secret.
        sent: Whether the request may have arrived.
    """

    def __init__(
        self,
        kind: ToolErrorKind,
        message: str,
        *,
        sent: bool = True,
        wait_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.sent = sent
        self.wait_s = wait_s


def limits(timeout_s: float, max_bytes: int, *, allow_private: bool) -> HttpLimits:
    """Return the limits of a call that begins now."""
    return HttpLimits(time.monotonic() + timeout_s, timeout_s, max_bytes, allow_private)


def exchange(request: HttpRequest, given: HttpLimits) -> HttpAnswer:
    """Send a request and read its answer. No redirect is followed here.

    Raises:
        Failed: If there is no whole answer within the limits.
    """
    headers = httpx.Headers({"Accept-Encoding": "identity"})
    headers.update(request.headers)
    try:
        with (
            httpx.Client(
                transport=Transport(given.until, allow_private=given.allow_private),
                timeout=None,  # the transport has a deadline
                trust_env=False,
            ) as client,
            client.stream(
                request.method,
                request.url,
                headers=headers,
                content=request.content,
            ) as response,
        ):
            content = b"" if 300 <= response.status_code < 400 else _content(response, given)
            return HttpAnswer(response.status_code, response.headers, content)
    except PrivateAddress as found:
        message = f"{found} is inside a private network; `allow_private: true` permits it"
        raise HttpFailure("forbidden", message, sent=False) from None
    except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
        raise HttpFailure(
            "unavailable", f"cannot be reached: {_said(error)}", sent=False
        ) from error
    except (httpcore.UnsupportedProtocol, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise HttpFailure("invalid", "its address is not a URL", sent=False) from error
    except httpcore.LocalProtocolError as error:
        # What it says would repeat a header.
        raise HttpFailure(
            "invalid", "it contains characters that HTTP cannot carry", sent=False
        ) from error
    except httpcore.TimeoutException as error:
        raise HttpFailure("timeout", f"no answer within {given.timeout_s:g} s") from error
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise HttpFailure("unavailable", f"the connection broke: {_said(error)}") from error


def _content(response: httpx.Response, given: HttpLimits) -> bytes:
    declared = response.headers.get("Content-Length", "")
    if declared.isdecimal() and int(declared) > given.max_bytes:
        raise _too_long(given)
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    inflated = zlib.decompressobj(_GZIP_OR_ZLIB) if encoding in _COMPRESSED else None
    if inflated is None and encoding not in ("", "identity"):
        raise HttpFailure("invalid_output", f"the answer is compressed as {encoding[:20]!r}")
    content = bytearray()
    for chunk in response.iter_raw():
        try:
            # Never more than one byte too many: a small answer may unfold to gigabytes.
            most = given.max_bytes + 1 - len(content)
            content += inflated.decompress(chunk, most) if inflated else chunk
        except zlib.error as error:
            raise HttpFailure("invalid_output", "the answer cannot be decompressed") from error
        if len(content) > given.max_bytes:
            raise _too_long(given)
    if inflated is not None and not inflated.eof and content:
        raise HttpFailure("invalid_output", "the answer cannot be decompressed: it ends early")
    return bytes(content)


def _too_long(given: HttpLimits) -> HttpFailure:
    return HttpFailure("invalid_output", f"the answer is longer than {given.max_bytes} bytes")


def _said(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


__all__ = ["HttpAnswer", "HttpFailure", "HttpLimits", "HttpRequest", "exchange", "limits"]
