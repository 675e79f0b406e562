"""Parsed golden sets, kept by the content they were parsed from.

Reading YAML costs more than running what it describes. A cached set is used only when its bytes and
everything it was checked against are the same; a damaged, truncated or foreign file is ignored, and
a cache that cannot be written is no error.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from agentctl import __version__
from agentctl.core.canonical import Json

FORMAT = 1


class Cached(NamedTuple):
    """A set as it was stored, undamaged and made from the same text."""

    key: str
    head: dict[str, Json]
    tables: dict[str, dict[str, dict[str, Json]]]
    size: int
    rows: Callable[[], Iterator[tuple[int, str, str]]]
    """Line, id and JSON text of each scenario."""


class SetCache:
    """The cache of one golden set: one file, rewritten when the set changes.

    The file is JSON Lines: what it was made from, the head, the tables, then a line a scenario
    (line number, id and JSON, separated by tabs).

    Args:
        state: The project's folder for generated files.
        name: The set's name.
    """

    def __init__(self, state: Path, name: str) -> None:
        self._path = state / "cache" / f"{name}.set"

    def find(self, text: str) -> Cached | None:
        """Return what was stored for this text; see `fits` before using more than the head."""
        try:
            # Read at once: another process may replace the file while scenarios are streamed.
            made_line, _, content = self._path.read_bytes().partition(b"\n")
            made = json.loads(made_line)
            if made["format"] != FORMAT or made["text"] != _hash(text):
                return None
            if made["content"] != hashlib.sha256(content).hexdigest():
                return None
            file = BytesIO(content)
            head, tables = json.loads(file.readline()), json.loads(file.readline())
            rows = partial(_rows, content, file.tell())
            return Cached(made["key"], head, tables, made["size"], rows)
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @staticmethod
    def fits(cached: Cached, text: str, checked_against: str) -> bool:
        """Whether nothing that the stored set was checked against has changed."""
        return cached.key == _key(text, checked_against)

    def store(
        self,
        text: str,
        checked_against: str,
        head: Mapping[str, Json],
        tables: Mapping[str, Any],
        rows: Iterable[tuple[int, str, str]],
    ) -> None:
        """Keep a set that has no problems."""
        lines = [_json(head), _json(tables), *("\t".join(map(str, row)) for row in rows)]
        content = ("\n".join(lines) + "\n").encode()
        made = {
            "format": FORMAT,
            "text": _hash(text),
            "key": _key(text, checked_against),
            "content": hashlib.sha256(content).hexdigest(),
            "size": len(lines) - 2,
        }
        temporary = self._path.with_suffix(f".{os.getpid()}.tmp")
        # A cache that cannot be written is no error: the set is read anew next time.
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            try:
                temporary.write_bytes(_json(made).encode() + b"\n" + content)
                temporary.replace(self._path)
            except OSError:
                temporary.unlink(missing_ok=True)


def _rows(content: bytes, start: int) -> Iterator[tuple[int, str, str]]:
    file = BytesIO(content)
    file.seek(start)
    for line in file:
        number, name, row = line.decode().rstrip("\n").split("\t", 2)
        yield int(number), name, row


def _key(text: str, checked_against: str) -> str:
    return _hash("\n".join([str(FORMAT), __version__, _hash(text), checked_against]))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


__all__ = ["Cached", "SetCache"]
