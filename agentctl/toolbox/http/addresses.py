"""Which addresses lie inside a network, so that no tool is led into the one around it.

An address is judged by where packets to it end up: the one inside an IPv4-mapped, a 6to4 or a NAT64
address counts. Names, and numbers written in odd ways, are resolved first and by the
system's own resolver, which is what a connection would do.
"""

import ipaddress
import socket

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""RFC 6052: the last 32 bits are an IPv4 address."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_private(address: str) -> bool:
    """Whether an IP address is not one of the public internet.

    That is loopback, private use, link-local (cloud metadata), carrier-grade NAT, multicast,
    broadcast, reserved and unspecified ones.

    >>> is_private("169.254.169.254"), is_private("::ffff:10.0.0.1"), is_private("9.9.9.9")
    (True, True, False)
    """
    return _private(ipaddress.ip_address(address.partition("%")[0]))


def resolved(host: str, port: int) -> list[str]:
    """Return the IP addresses of a host, each once, in the resolver's order.

    Raises:
        OSError: If there is no such host.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise OSError("no such host") from error
    return list(dict.fromkeys(str(info[4][0]) for info in found))


def _private(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        inside = _inside(address)
        if inside is not None:
            return _private(inside)
    return not address.is_global or address.is_multicast or address.is_reserved


def _inside(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 address leads to, if it does."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


__all__ = ["is_private", "resolved"]
