"""Carry one HTTP call: to addresses that were looked at, and until a moment in time.

A name is resolved once, and the connection goes to the very address that was judged: a name server
that answers otherwise a moment later changes nothing. Host header and certificate stay those of the
name. Every read and write ends at the call's own deadline, so that a server which sends a byte now
and then holds nobody up. Each call has a connection of its own: one kept open can break while an
effect is on its way, and nobody could say whether it arrived.
"""

import ssl
import time
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import httpcore
import httpx

from agentctl.toolbox.http.addresses import is_private, resolved


class PrivateAddress(Exception):  # noqa: N818 - a finding, not a failure
    """A host lies inside a private network, and the manifest does not allow that."""


class Transport(httpx.BaseTransport):
    """What an `httpx.Client` sends through, for one call.

    Args:
        until: When the call ends, on the monotonic clock.
        allow_private: Whether it may lead into a private network.
    """

    def __init__(self, until: float, *, allow_private: bool) -> None:
        route = _Route(until, allow_private=allow_private)
        self._pool = httpcore.ConnectionPool(
            ssl_context=_certificates(), max_connections=1, network_backend=route
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; the answer's content is read as it is asked for.

        Raises:
            PrivateAddress: Before anything is sent.
            Exception: One of httpcore's for whatever breaks.
        """
        url = request.url
        answer = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        assert isinstance(answer.stream, Iterable)
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=_Content(answer.stream),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        """Close the connection."""
        self._pool.close()


class _Content(httpx.SyncByteStream):
    def __init__(self, stream: Iterable[bytes]) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        close = getattr(self._stream, "close", None)
        if close is not None:
            close()


class _Route(httpcore.NetworkBackend):
    """Opens connections to addresses that may be reached."""

    def __init__(self, until: float, *, allow_private: bool) -> None:
        self._until = until
        self._allow_private = allow_private
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline holds
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            addresses = resolved(host, port)
        except OSError as error:
            raise httpcore.ConnectError(f"no such host: {host}") from error
        if not self._allow_private and any(is_private(address) for address in addresses):
            raise PrivateAddress(host)
        failed: Exception = httpcore.ConnectError(f"no such host: {host}")
        for tried, address in enumerate(addresses):
            left = _left(self._until, httpcore.ConnectTimeout)
            try:
                stream = self._sockets.connect_tcp(
                    address, port, left / (len(addresses) - tried), local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
            else:
                return _Timed(stream, self._until)
        raise failed


class _Timed(httpcore.NetworkStream):
    """A connection that ends at a deadline, whatever time-out a single step is given."""

    def __init__(self, stream: httpcore.NetworkStream, until: float) -> None:
        self._stream = stream
        self._until = until

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._stream.read(max_bytes, _left(self._until, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, _left(self._until, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        left = _left(self._until, httpcore.ConnectTimeout)
        return _Timed(self._stream.start_tls(ssl_context, server_hostname, left), self._until)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(until: float, late: type[httpcore.TimeoutException]) -> float:
    """Return the seconds that are left.

    Raises:
        TimeoutException: If there are none.
    """
    left = until - time.monotonic()
    if left <= 0:
        raise late("out of time")
    return left


@lru_cache(maxsize=1)
def _certificates() -> ssl.SSLContext:
    return httpcore.default_ssl_context()


__all__ = ["PrivateAddress", "Transport"]
