"""Read YAML strictly, and remember where everything stands.

What two readers could understand differently is refused: duplicate keys, aliases, tags, merge keys,
keys that are not text, several documents. Scalars follow the core schema of YAML 1.2: `on`, `yes`,
dates, `12:30` and `010` are text. What a file may cost is bounded: size, depth, number of nodes.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from agentctl.core.canonical import MAX_SAFE_INTEGER, Json
from agentctl.core.errors import Diagnostic, Location, Problem, problem

MAX_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 64
MAX_NODES = 500_000
MOST_PROBLEMS = 50
"""Problems of one file that are told; the rest is noise."""

YamlPath = tuple[str | int, ...]
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)$")
_OTHER_INT = re.compile(r"0o[0-7]+$|0x[0-9a-fA-F]+$")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]")
_NOT_FINITE = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$")
_CONTROL = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_WORDS: dict[str, Json] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


@dataclass(slots=True)
class Source:
    """A file as data, with the place of every key and value."""

    file: str
    """As it is shown to people."""
    data: Json = None
    lines: Sequence[str] = ()
    values: dict[YamlPath, tuple[int, int, int]] = field(default_factory=dict)
    """Path -> line, column, length; all counted from 1."""
    keys: dict[YamlPath, tuple[int, int, int]] = field(default_factory=dict)
    bare: set[YamlPath] = field(default_factory=set)
    """Keys of flow mappings without a value: mostly a comma in text that was not quoted."""
    first: int = 1
    """Number of the first of `lines`."""

    def at(self, *path: str | int) -> Location:
        """Return where a value stands; of a path that does not exist, the nearest parent."""
        return self._location(self.values, path)

    def key_at(self, *path: str | int) -> Location:
        """Return where a key stands; of a list's item, the item."""
        return self._location(self.keys if path in self.keys else self.values, path)

    def _location(self, places: dict[YamlPath, tuple[int, int, int]], path: YamlPath) -> Location:
        while path not in places and path:
            path, places = path[:-1], self.values
        line, column, length = places.get(path, (1, 1, 1))
        index = line - self.first
        text = self.lines[index] if 0 <= index < len(self.lines) else None
        return Location(self.file, line, column, length, text)


def read_yaml(path: Path, shown: str) -> Source:
    """Read one file.

    Args:
        path: Where it is.
        shown: How its name is written in messages.

    Raises:
        Problem: With every problem of the file that could be found.
    """
    return parse_yaml(read_text(path, shown), shown)


def read_text(path: Path, shown: str) -> str:
    """Read a text file, within the limit of its size.

    Raises:
        Problem: If it is missing, too large or not UTF-8.
    """
    with readable(shown):
        if path.stat().st_size > MAX_BYTES:
            message = f"larger than {MAX_BYTES // 1024 // 1024} MiB"
            raise problem("too-large", message, at=Location(shown, 1))
        content = path.read_bytes()
    return utf8_text(content, shown)


@contextmanager
def readable(shown: str) -> Iterator[None]:
    """Turn what goes wrong when a file is opened and read into problems."""
    try:
        yield
    except FileNotFoundError as error:
        raise problem("missing-file", f"no such file: {shown}") from error
    except IsADirectoryError as error:
        raise problem("missing-file", f"{shown} is a folder, not a file") from error
    except OSError as error:
        raise problem("unreadable-file", f"{shown}: {error.strerror}") from error


def utf8_text(content: bytes, shown: str, first: int = 1) -> str:
    """Decode what stands in a file from line `first` on.

    Raises:
        Problem: If it is not UTF-8.
    """
    try:
        return content.decode("utf-8-sig" if first == 1 else "utf-8")
    except UnicodeDecodeError as error:
        line = first + content[: error.start].count(b"\n")
        raise problem("not-utf8", "not UTF-8 text", at=Location(shown, line)) from error


def parse_yaml(text: str, shown: str) -> Source:
    """Parse YAML text; see `read_yaml`."""
    builder = _Builder(Source(shown, lines=text.splitlines()))
    strange = _CONTROL.search(text)
    if strange is not None:
        builder.control(text, strange.start())
        raise Problem(*builder.problems)
    try:
        builder.build(yaml.parse(text, Loader=_LOADER))
    except yaml.YAMLError as error:
        builder.syntax(error)
    except RecursionError:
        builder.complain("too-deep", f"nested deeper than {MAX_DEPTH}", Location(shown, 1))
    if builder.problems:
        raise Problem(*builder.problems[:MOST_PROBLEMS])
    return builder.source


class _Stop(Exception):  # noqa: N818 - no error, an end
    """Nothing further can be said about the file."""


class _Builder:
    """Turns the parser's events into data, positions and problems."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[Diagnostic] = []
        self._nodes = 0
        self._events: Any = None

    def build(self, events: Iterable[Any]) -> None:
        self._events = iter(events)
        documents = 0
        try:
            for event in self._events:
                if isinstance(event, yaml.DocumentStartEvent):
                    documents += 1
                    if documents > 1:
                        at = self._place(event)
                        self.complain("several-documents", "a file holds one document", at)
                        return
                elif not isinstance(
                    event, yaml.StreamStartEvent | yaml.StreamEndEvent | yaml.DocumentEndEvent
                ):
                    self.source.data = self._node(event, ())
        except _Stop:
            return
        if documents == 0 or (self.source.data is None and not self.problems):
            self.complain("empty-file", "the file holds nothing", Location(self.source.file, 1))

    def complain(self, code: str, message: str, at: Location, hint: str | None = None) -> None:
        self.problems.append(Diagnostic(code, message, at, hint))

    def syntax(self, error: yaml.YAMLError) -> None:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        said = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
        context = getattr(error, "context", None)
        line = mark.line + 1 if mark else 1
        text = self.source.lines[line - 1] if 0 < line <= len(self.source.lines) else None
        at = Location(self.source.file, line, mark.column + 1 if mark else 1, 1, text)
        message = f"{said} {context}" if context else str(said)
        hint = None
        if text is not None and "\t" in text[: len(text) - len(text.lstrip())]:
            hint = "indent with spaces, not with tabs"
        self.complain("yaml-syntax", message, at, hint)

    def control(self, text: str, index: int) -> None:
        before = (text[:index] + ".").splitlines()
        shown = _CONTROL.sub("?", self.source.lines[len(before) - 1])
        at = Location(self.source.file, len(before), len(before[-1]), 1, shown)
        message = f"control characters (U+{ord(text[index]):04X}) are not read"
        self.complain("control-character", message, at, 'write it as an escape in "quotes"')

    def _place(self, event: Any) -> Location:
        start, end = event.start_mark, event.end_mark
        text = None
        if start.line < len(self.source.lines):
            text = self.source.lines[start.line]
        length = end.column - start.column if end.line == start.line else 1
        return Location(self.source.file, start.line + 1, start.column + 1, max(1, length), text)

    def _node(self, event: Any, path: YamlPath) -> Json:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            self.complain("too-many-nodes", f"more than {MAX_NODES} nodes", self._place(event))
            raise _Stop
        if len(path) > MAX_DEPTH:
            self.complain("too-deep", f"nested deeper than {MAX_DEPTH}", self._place(event))
            raise _Stop
        if isinstance(event, yaml.AliasEvent):
            self.complain("alias", f"aliases (`*{event.anchor}`) are not read", self._place(event),
                          "write the value out")  # fmt: skip
            return None
        self._refuse_extras(event)
        start, end = event.start_mark, event.end_mark
        length = end.column - start.column if end.line == start.line else 1
        self.source.values[path] = (start.line + 1, start.column + 1, max(1, length))
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Json] = []
            for item in self._events:
                if isinstance(item, yaml.SequenceEndEvent):
                    break
                items.append(self._node(item, (*path, len(items))))
            return items
        return self._mapping(event, path)

    def _refuse_extras(self, event: Any) -> None:
        if event.anchor:
            self.complain("anchor", f"anchors (`&{event.anchor}`) are not read",
                          self._place(event), "write the value out where it is needed")  # fmt: skip
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            self.complain("tag", f"tags (`{tag}`) are not read", self._place(event),
                          "write plain text, numbers, lists and mappings")  # fmt: skip

    def _mapping(self, event: Any, path: YamlPath) -> Json:
        found: dict[str, Json] = {}
        for key_event in self._events:
            if isinstance(key_event, yaml.MappingEndEvent):
                break
            key = self._key(key_event, found)
            below = (*path, key)
            if key not in found:
                start, end = key_event.start_mark, key_event.end_mark
                length = max(1, end.column - start.column)
                self.source.keys[below] = (start.line + 1, start.column + 1, length)
            value_event = next(self._events)
            if event.flow_style and _is_nothing(value_event):
                self.source.bare.add(below)
            value = self._node(value_event, below)
            found.setdefault(key, value)
        return found

    def _key(self, event: Any, found: dict[str, Json]) -> str:
        at = self._place(event)
        if not isinstance(event, yaml.ScalarEvent):
            self.complain("key-not-text", "a key is one line of text", at)
            raise _Stop
        self._nodes += 1
        self._refuse_extras(event)
        key: str = event.value
        if not event.style and key == "<<":
            self.complain("merge-key", "merge keys (`<<`) are not read", at, "write the keys out")
        elif not event.style and not isinstance(self._scalar(event), str):
            self.complain("key-not-text", f"the key `{key}` is not text", at, f'quote it: "{key}"')
        if key in found:
            self.complain("duplicate-key", f"the key `{key}` stands twice", at, "keep one of them")
        return key

    def _scalar(self, event: Any) -> Json:
        text: str = event.value
        if event.style:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _INT.match(text) or _OTHER_INT.match(text):
            return self._integer(text, event)
        if _FLOAT.match(text) and not _LEADING_ZERO.match(text):
            number = float(text)
            if number in (float("inf"), float("-inf")):
                self.complain("not-finite", f"`{text}` is not a finite number", self._place(event))
            return number
        if _NOT_FINITE.match(text):
            self.complain("not-finite", f"`{text}` is not a finite number", self._place(event))
        return text

    def _integer(self, text: str, event: Any) -> int:
        # Python refuses to read very long numbers; those are too large anyway.
        base = 10 if _INT.match(text) else 0
        number = int(text, base) if len(text) < 30 else MAX_SAFE_INTEGER + 1
        if abs(number) > MAX_SAFE_INTEGER:
            self.complain("huge-integer", "integers beyond 2^53 lose digits", self._place(event),
                          "quote it, if it is an identifier")  # fmt: skip
        return number


def _is_nothing(event: Any) -> bool:
    return isinstance(event, yaml.ScalarEvent) and not event.style and not event.value


__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_NODES",
    "Source",
    "parse_yaml",
    "read_text",
    "read_yaml",
    "readable",
    "utf8_text",
]
