"""Keep the tokens of people who logged in: one file a login, outside git, for its owner only."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from agentctl.core.canonical import Json, NotCanonical, canonical_text, parse_strict
from agentctl.core.files import replacing

_MOST_BYTES = 100_000


class KeptToken(NamedTuple):
    """What a login brought."""

    token_url: str
    """Where it is renewed."""
    client_id: str
    client_secret: str
    """Empty for a public client, which shows its id only."""
    access_token: str
    refresh_token: str
    """Empty where the server gives none: when the token ends, a person logs in again."""
    ends_at: float | None
    """Unix time; `None` = the server does not say."""
    resource: str
    """What the token is for (RFC 8707); empty where nothing is said."""


def token_file(folder: Path, name: str) -> Path:
    """Return where the token of a login is kept."""
    return folder / f"{name}.json"


def read_token(path: Path) -> KeptToken | None:
    """Return a kept token; `None` where there is none that can be used."""
    try:
        found = parse_strict(path.read_text(), max_bytes=_MOST_BYTES)
        return _token(found) if isinstance(found, dict) else None
    except (OSError, NotCanonical, UnicodeDecodeError):
        return None


def keep_token(path: Path, token: KeptToken) -> None:
    """Write a token where only its owner reads it.

    Raises:
        OSError: If it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    (path.parent / ".gitignore").write_text("*\n")
    with replacing(path, mode=0o600) as file:
        file.write(canonical_text(token._asdict()).encode())


def _token(found: Mapping[str, Json]) -> KeptToken | None:
    texts = [name for name in KeptToken._fields if name != "ends_at"]
    ends_at = found.get("ends_at")
    if not all(isinstance(found.get(name), str) for name in texts):
        return None
    numeric = isinstance(ends_at, int | float) and not isinstance(ends_at, bool)
    return KeptToken(**{name: found[name] for name in texts}, ends_at=ends_at if numeric else None)


__all__ = ["KeptToken", "keep_token", "read_token", "token_file"]
