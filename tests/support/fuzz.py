"""Damage files, seeded: the same seed gives the same damage on every machine."""

import json
import random
import re
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

LONGEST_S = 5.0
MOST_BYTES = 500_000_000
_WORD = re.compile(rb"[A-Za-z_]+|\d+|[^\sA-Za-z_\d]")
_VALUES = (
    *rb"null true -1 0 1e999 NaN -0.0 9007199254740993 [] {} &a *a !!python/x - : ? ' # %".split(),
    *rb"""<<: {{ }} =1/0 ${HOME} $ref "$ref":"#" {"$ref":"#/a"} "" "\ud800" "\u0000" ---""".split(),
    *(b"\xff", b"\xef\xbb\xbf", b"\x00", b"\r", b"\x85", b"\xe2\x80\xa8", b"\n", b"\t", b'"'),
    *(b"| \n", b"%YAML 9\n", b"\n---\n", b"\n...\n", b"1" * 400, b"a" * 5000),
    *(b"[" * 2000, b'{"a":' * 500, b"[[[[[]]]]]"),
)
"""What is put where something else stood."""
_JSON = (None, True, -1, 10**30, 0.5, "", "x", [], {}, [None], {"$ref": "#"}, "\x00", ["a"] * 50)
"""What is put where another value of JSON stood."""


class Kind(NamedTuple):
    """One kind of input."""

    name: str
    seeds: Sequence[bytes]
    """Sound examples."""
    read: Callable[[bytes], None]
    """Reads one; raises what its readers may raise as a problem, and anything else is a find."""
    accepted: tuple[type[Exception], ...]
    """What its readers may raise."""


class Find(NamedTuple):
    """An input that was not read as it should be."""

    kind: str
    seed: int
    why: str
    data: bytes


def mutations(seeds: Sequence[bytes], seed: int, count: int) -> Iterator[bytes]:
    """Yield damaged copies of sound inputs."""
    chance = random.Random(seed)
    for _ in range(count):
        data = chance.choice(seeds)
        for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
            data = chance.choice(_WAYS)(data, chance, seeds)
        yield data[:2_000_000]


def _span(data: bytes, chance: random.Random) -> tuple[int, int]:
    """Return the place of a word, mostly; sometimes of any bytes."""
    if data and chance.random() < 0.8:
        at = chance.randrange(len(data))
        found = _WORD.search(data, at)
        if found is not None:
            return found.span()
    start = chance.randint(0, len(data))
    return start, min(len(data), start + chance.choice((0, 1, 4, 40, 400)))


def _flip(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    if not data:
        return data
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]


def _cut(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    start, end = _span(data, chance)
    return data[:start] + data[end:]


def _end(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    return data[: chance.randint(0, len(data))]


def _twice(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    start, end = _span(data, chance)
    return data[:end] + data[start:end] * chance.choice((1, 1, 30)) + data[end:]


def _other(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    start, end = _span(data, chance)
    return data[:start] + chance.choice(_VALUES) + data[end:]


def _moved(data: bytes, chance: random.Random, seeds: Sequence[bytes]) -> bytes:
    source = chance.choice(seeds)
    first, last = _span(source, chance)
    start, end = _span(data, chance)
    return data[:start] + source[first:last] + data[end:]


def _lines(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    lines = data.splitlines(keepends=True)
    if len(lines) < 2:
        return data
    one, two = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(3):
        case 0:
            lines[one], lines[two] = lines[two], lines[one]
        case 1:
            lines.insert(one, lines[two])
        case _:
            del lines[one]
    return b"".join(lines)


def _value(data: bytes, chance: random.Random, _: Sequence[bytes]) -> bytes:
    """Replace one value of JSON, or of one line of it, so that it stays JSON."""
    lines = data.splitlines() if data.count(b"\n{") else [data]
    at = chance.randrange(len(lines))
    try:
        value = json.loads(lines[at])
    except (ValueError, RecursionError):
        return _other(data, chance, ())
    holder = value
    while isinstance(holder, dict | list) and holder:
        key = (
            chance.choice(list(holder))
            if isinstance(holder, dict)
            else chance.randrange(len(holder))
        )
        if isinstance(holder[key], dict | list) and holder[key] and chance.random() < 0.8:
            holder = holder[key]
            continue
        new = (
            None,
            True,
            -1,
            10**30,
            0.5,
            "",
            "x",
            [],
            {},
            [None],
            {"$ref": "#"},
            "\x00",
            ["a"] * 50,
        )
        holder[key] = chance.choice(new)
        break
    lines[at] = json.dumps(value).encode()
    return b"\n".join(lines)


_WAYS = (_flip, _cut, _end, _twice, _other, _other, _moved, _lines, _value, _value)


def fuzz(kind: Kind, seed: int, count: int) -> list[Find]:
    """Read damaged inputs of a kind and return what was not as it should be."""
    finds: list[Find] = []
    before = _peak()
    for data in mutations(kind.seeds, seed, count):
        began = time.process_time()
        try:
            kind.read(data)
        except kind.accepted:
            pass
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            finds.append(Find(kind.name, seed, f"{type(error).__name__}: {error}"[:300], data))
        taken = time.process_time() - began
        if taken > LONGEST_S:
            finds.append(Find(kind.name, seed, f"took {taken:.1f} s", data))
        if _peak() - before > MOST_BYTES:
            finds.append(Find(kind.name, seed, "took more than 500 MB", data))
            before = _peak()
    return finds


def _peak() -> int:
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


__all__ = ["Find", "Kind", "fuzz", "mutations"]
