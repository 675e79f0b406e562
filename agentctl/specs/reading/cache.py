"""Parsed golden sets, kept by the content they were parsed from.

Reading YAML costs more than running what it describes. A cached set is used only when its bytes and
everything it was checked against are the same; a damaged, truncated or foreign file is ignored, and
a cache that cannot be written only costs time. Scenarios are read and written as a stream: a set
may be larger than memory.
"""

import hashlib
import json
import os
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from io import BufferedRandom, BufferedReader
from pathlib import Path
from typing import Any, NamedTuple

from agentctl import __version__
from agentctl.core.canonical import Json
from agentctl.specs import shapes

FORMAT = 2
_MADE_BYTES = 512
"""Length of the first line, which is written last."""
_CHUNK = 1 << 16


class SetRow(NamedTuple):
    """One scenario as it is cached: expanded, checked and normalised, not yet a model."""

    line: int
    id: str
    text: bytes


class Cached(NamedTuple):
    """A set as it is stored, undamaged and made from the same bytes."""

    key: str
    head: Mapping[str, Json]
    tables: Mapping[str, Any]
    size: int
    rows: Callable[[], Iterator[SetRow]]


class SetCache:
    """The cache of one golden set: one file, rewritten when the set changes.

    The file is JSON Lines: what it was made from, the head, the tables, then a line a scenario
    (line number, id and JSON, separated by tabs).

    Args:
        state: The project's folder for generated files.
        path: The set's file: two files of one name in different folders have a cache each.
    """

    def __init__(self, state: Path, path: Path) -> None:
        place = hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:12]
        self._path = state / "cache" / f"{path.stem}-{place}.set"

    def find(self, source: str) -> Cached | None:
        """Return what was stored for a file with this hash; see `fits` before using it all."""
        try:
            # Kept open: another process may replace the file while scenarios are streamed.
            file = self._path.open("rb")
        except OSError:
            return None
        try:
            made = json.loads(file.read(_MADE_BYTES))
            if made["format"] == FORMAT and made["source"] == source:
                content = hashlib.file_digest(file, "sha256").hexdigest()
                if made["content"] == content:
                    return _opened(file, made)
        except (OSError, ValueError, KeyError, TypeError):
            pass
        file.close()
        return None

    @staticmethod
    def fits(cached: Cached, source: str, checked_against: str) -> bool:
        """Whether nothing that the stored set was checked against has changed."""
        return cached.key == _key(source, checked_against)

    def store(
        self,
        source: str,
        checked_against: str,
        head: Mapping[str, Json],
        tables: Mapping[str, Any],
        rows: Iterable[SetRow],
    ) -> Cached:
        """Keep a set and return it as `find` would.

        Args:
            source: Hash of the file it was read from.
            checked_against: Hash of everything else it was checked against.
            head: The set without its scenarios.
            tables: Its world.
            rows: Its scenarios; if they raise, nothing is kept.

        Raises:
            OSError: If it cannot be written.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_suffix(f".{os.getpid()}.tmp")
        file = temporary.open("w+b")
        try:
            size = _write(file, (head, tables), rows)
            file.seek(_MADE_BYTES)
            content = hashlib.file_digest(file, "sha256").hexdigest()
            key = _key(source, checked_against)
            made = {"format": FORMAT, "source": source, "key": key, "content": content}
            file.seek(0)
            file.write(_json({**made, "size": size}).ljust(_MADE_BYTES - 1).encode() + b"\n")
            file.flush()
            temporary.replace(self._path)
        except BaseException:
            file.close()
            temporary.unlink(missing_ok=True)
            raise
        return _opened(file, {"key": key, "size": size})


def _write(file: BufferedRandom, first: Iterable[Any], rows: Iterable[SetRow]) -> int:
    file.write(b"\n".rjust(_MADE_BYTES))
    for part in first:
        file.write(_json(part).encode() + b"\n")
    size = 0
    for row in rows:
        file.write(b"%d\t%s\t%s\n" % (row.line, row.id.encode(), row.text))
        size += 1
    return size


def _opened(file: BufferedReader | BufferedRandom, made: dict[str, Any]) -> Cached:
    file.seek(_MADE_BYTES)
    head, tables = json.loads(file.readline()), json.loads(file.readline())
    rows = partial(_rows, file, file.tell())
    weakref.finalize(rows, file.close)
    return Cached(made["key"], head, tables, made["size"], rows)


def _rows(file: BufferedReader | BufferedRandom, at: int) -> Iterator[SetRow]:
    """Yield the scenarios from a place of the file on; several may do so in turns."""
    while True:
        file.seek(at)
        lines = file.readlines(_CHUNK)
        if not lines:
            return
        at = file.tell()
        for line in lines:
            number, name, text = line.split(b"\t", 2)
            yield SetRow(int(number), name.decode(), text)


@cache
def _shapes() -> str:
    """Return a digest of the code that says what a set looks like."""
    folder = Path(shapes.__file__).parent
    texts = [(folder / name).read_bytes() for name in ("base.py", "golden.py", "turns.py")]
    return hashlib.sha256(b"".join(texts)).hexdigest()


def _key(source: str, checked_against: str) -> str:
    made_from = "\n".join([str(FORMAT), __version__, _shapes(), source, checked_against])
    return hashlib.sha256(made_from.encode()).hexdigest()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


__all__ = ["Cached", "SetCache", "SetRow"]
