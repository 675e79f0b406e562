"""Does an address lie inside the network around this machine?"""

import ipaddress
import socket
from urllib.parse import urlsplit


def private_address(url: str) -> str | None:
    """Say that a URL leads into a private network, if it does."""
    host = urlsplit(url).hostname or ""
    try:
        found = {str(info[4][0]) for info in socket.getaddrinfo(host, None)}
    except OSError:
        return None  # the request itself says that there is no such host
    for address in found:
        if not ipaddress.ip_address(address.partition("%")[0]).is_global:
            return f"{host} is inside a private network; `allow_private: true` permits it"
    return None


__all__ = ["private_address"]
