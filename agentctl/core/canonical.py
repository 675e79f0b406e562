"""Canonical JSON (RFC 8785), digests over it, and a JSON reader that refuses what is ambiguous.

Two values are the same call, the same policy or the same event exactly when their canonical bytes
are the same. `rfc8785` defines the format; `orjson` writes the same bytes a hundred times faster
for every value without fractions, and for nearly all with them, so it is asked first.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import orjson
import rfc8785

Json = Any
"""None, bool, int, float, str, list of Json or dict of str to Json; `Any` because mypy cannot
follow the recursion through pydantic."""

MAX_DEPTH = 64
"""Deepest nesting `parse_strict` accepts."""
MAX_SAFE_INTEGER = 2**53 - 1
"""Largest integer that every JSON reader keeps exact (RFC 8785 section 3.2.2.3)."""

_FAST = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_STRICT_INTEGER
)
_packed = msgspec.msgpack.Encoder().encode
_FRACTION = b"\xcb"
"""Stands before every fraction in MessagePack, and elsewhere rarely: without it there is none."""
# How orjson may write a fraction otherwise: a whole one (1.0), or one with an exponent. It also
# finds such text inside strings: then the slow path runs, and writes the same.
_DOUBTFUL = re.compile(r"[:\[,]-?\d+(?:\.0[,\]}]|(?:\.\d+)?[eE])")
_HOLDERS = (dict, list)
_LONG_NUMBER = re.compile(r"\d{16}")
_EXPONENT_FROM = 1e21
"""From here on, RFC 8785 writes numbers with an exponent."""
_OUTSIDE_BMP = "\U00010000"
"""From here on, RFC 8785 sorts keys otherwise than Python does."""


class NotCanonical(ValueError):  # noqa: N818 - says what the value is
    """The value or text has no unambiguous JSON form."""


def canonical_text(value: Json) -> str:
    """Return the RFC 8785 form of `value` as text.

    >>> canonical_text({"b": 1.0, "a": [True, None]})
    '{"a":[true,null],"b":1}'

    Keys are text already; `check_plain` says so of a value from elsewhere.

    Raises:
        NotCanonical: For NaN, infinities, integers beyond 2^53, lone surrogates.
    """
    try:
        if isinstance(value, _HOLDERS):
            text = orjson.dumps(value, option=_FAST).decode()
            if (_FRACTION not in _packed(value) or _fractions_agree(text, value)) and (
                text.isascii() or max(text) < _OUTSIDE_BMP
            ):
                return text
        return rfc8785.dumps(value).decode()
    except (ValueError, TypeError, RecursionError, UnicodeError) as error:
        raise NotCanonical(str(error)) from error


def _fractions_agree(text: str, value: Json) -> bool:
    """Whether orjson wrote all fractions as RFC 8785 does, and no `null` for a NaN."""
    return _DOUBTFUL.search(text) is None and ("null" not in text or orjson.loads(text) == value)


def digest(value: Json) -> str:
    """Return the sha256 of the canonical form, as 64 hex digits.

    Raises:
        NotCanonical: As `canonical_text`.
    """
    return hashlib.sha256(canonical_text(value).encode()).hexdigest()


def same_value(left: Json, right: Json, *, ignore_case: bool = False) -> bool:
    """Whether two values are equal as JSON: numbers by value, and a bool is never a number.

    Args:
        left: A value.
        right: Another one.
        ignore_case: Whether text is compared without case.

    >>> same_value(1, 1.0), same_value(True, 1), same_value("1", 1)
    (True, False, False)
    """
    if isinstance(left, str) and isinstance(right, str):
        return left == right or (ignore_case and left.casefold() == right.casefold())
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(
            same_value(value, right[key], ignore_case=ignore_case) for key, value in left.items()
        )
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(
            same_value(a, b, ignore_case=ignore_case) for a, b in zip(left, right, strict=True)
        )
    return bool(left == right)


def parse_strict(text: str, *, max_bytes: int = 1_000_000, max_depth: int = MAX_DEPTH) -> Json:
    """Parse JSON, refusing what two readers could understand differently.

    Raises:
        NotCanonical: For malformed text, duplicate keys, NaN or Infinity, integers beyond 2^53,
            lone surrogates, nesting deeper than `max_depth`, or more than `max_bytes`.
    """
    if len(text) > max_bytes:
        raise NotCanonical(f"longer than {max_bytes} bytes")
    try:
        value = (_EXACT if _LONG_NUMBER.search(text) else _USUAL).decode(text)
    except RecursionError as error:
        raise NotCanonical(f"nested deeper than {max_depth}") from error
    except NotCanonical:
        raise
    except ValueError as error:
        raise NotCanonical(f"not JSON: {error}") from error
    check_plain(value, max_depth=max_depth)
    return value


def parse_line(data: bytes, *, max_bytes: int = 1_000_000) -> Json:
    """Parse JSON as `parse_strict` does; ten times as fast where it is canonical, as logs are.

    Raises:
        NotCanonical: As `parse_strict`, and for bytes that are not UTF-8.
    """
    value = _reread(data) if len(data) <= max_bytes else None
    if value is not None:
        return value
    try:
        return parse_strict(data.decode(), max_bytes=max_bytes)
    except UnicodeDecodeError as error:
        raise NotCanonical("not UTF-8") from error


def read_canonical(data: bytes) -> Json:
    """Return what canonical JSON says; `None` if it is not canonical, or may not be.

    Of a value that is returned, and of each part of it, `rewritten` is the canonical form.
    """
    value = _reread(data)
    if value is None or (_FRACTION in _packed(value) and _DOUBTFUL.search(data.decode())):
        return None
    return value if data.isascii() or max(data.decode()) < _OUTSIDE_BMP else None


def rewritten(value: Json) -> bytes:
    """Return the canonical form of what `read_canonical` returned, or of a part of it."""
    return orjson.dumps(value, option=_FAST)


def _reread(data: bytes) -> Json:
    """Return what JSON says if orjson would write the very same bytes, else `None`.

    Such text holds no key twice, and no number that two readers could understand differently.
    """
    try:
        value = orjson.loads(data)
        if orjson.dumps(value, option=_FAST) != data:
            return None
        if data.count(b"{") + data.count(b"[") > MAX_DEPTH:
            check_plain(value)
    except (ValueError, TypeError):
        return None
    return value


def check_plain(value: Json, *, max_depth: int = MAX_DEPTH) -> None:
    """Refuse values without an unambiguous JSON form.

    Raises:
        NotCanonical: As `parse_strict`, for a value already parsed.
    """
    stack: list[Iterator[Json]] = [iter((value,))]
    while stack:
        for item in stack[-1]:
            if isinstance(item, dict):
                for key in item:
                    _check_text(key)
                stack.append(iter(item.values()))
                break
            if isinstance(item, list):
                stack.append(iter(item))
                break
            _check_scalar(item)
        else:
            stack.pop()
            continue
        if len(stack) > max_depth:
            raise NotCanonical(f"nested deeper than {max_depth}")


def _check_scalar(item: Json) -> None:
    if isinstance(item, str):
        _check_text(item)
    elif isinstance(item, float):
        if item != item or item in (float("inf"), float("-inf")):
            raise NotCanonical("NaN and infinities are not JSON")
    elif isinstance(item, int):
        if not -MAX_SAFE_INTEGER <= item <= MAX_SAFE_INTEGER:
            raise NotCanonical("integers beyond 2^53 lose digits")
    elif item is not None:
        raise NotCanonical(f"{type(item).__name__} is not JSON")


def _check_text(text: str) -> None:
    if not isinstance(text, str):
        raise NotCanonical(f"object keys are text, not {type(text).__name__}")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise NotCanonical("lone surrogates are not text") from error


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotCanonical("the same key stands twice in one object")
    return found


def _integer(text: str) -> Json:
    """Read an integer; one beyond 2^53 is the fraction that RFC 8785 writes this way, or refused.

    So whatever `canonical_text` writes can be read again: 1e16 is written `10000000000000000`.
    """
    if len(text) < 16:
        return int(text)
    number = float(text)
    if -MAX_SAFE_INTEGER <= number <= MAX_SAFE_INTEGER:
        return int(text)
    if abs(number) < _EXPONENT_FROM and rfc8785.dumps(number).decode() == text:
        return number
    raise NotCanonical("integers beyond 2^53 lose digits")


def _constant(name: str) -> Json:
    raise NotCanonical(f"{name} is not JSON")


_USUAL = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
_EXACT = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer)

__all__ = [
    "MAX_DEPTH",
    "MAX_SAFE_INTEGER",
    "Json",
    "NotCanonical",
    "canonical_text",
    "check_plain",
    "digest",
    "parse_line",
    "parse_strict",
    "read_canonical",
    "rewritten",
    "same_value",
]
