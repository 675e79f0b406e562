"""Where the running agentctl was installed from, as pip would install the same elsewhere."""

import json
import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from urllib.request import url2pathname

from agentctl import __version__

PINNED = f"agentctl=={__version__}"


class InstalledFrom(NamedTuple):
    """A requirement for pip, and what it needs beside it."""

    requirement: str
    """Pinned: `agentctl==VERSION`, `agentctl @ git+URL@COMMIT`, a URL or `./vendor/WHEEL`."""
    wheel: Path | None = None
    """The wheel to copy to `vendor/`; `None` where none is needed."""


def installed_from() -> InstalledFrom:
    """Return how this very agentctl is installed elsewhere.

    An installation remembers its origin in `direct_url.json` (PEP 610): the commit of a repository,
    an archive, or nothing where it came from a package index.
    """
    try:
        told = distribution("agentctl").read_text("direct_url.json")
    except PackageNotFoundError:
        told = None
    return requirement_of(json.loads(told)) if told else InstalledFrom(PINNED)


def requirement_of(origin: dict[str, object]) -> InstalledFrom:
    """Return the requirement for an installation's origin.

    Args:
        origin: What `direct_url.json` holds.
    """
    url, vcs = str(origin["url"]), origin.get("vcs_info")
    if isinstance(vcs, dict):
        return InstalledFrom(f"agentctl @ {vcs['vcs']}+{url}@{vcs['commit_id']}")
    if "archive_info" not in origin:
        # A folder of this machine, which nobody else has.
        return InstalledFrom(PINNED)
    parts = urlsplit(url)
    if parts.scheme != "file":
        return InstalledFrom(f"agentctl @ {url}")
    wheel = Path(url2pathname(parts.path))
    if re.fullmatch(r"agentctl-[\w.+-]+\.(whl|tar\.gz)", wheel.name) and wheel.is_file():
        return InstalledFrom(f"./vendor/{wheel.name}", wheel)
    return InstalledFrom(PINNED)


__all__ = ["InstalledFrom", "installed_from", "requirement_of"]
