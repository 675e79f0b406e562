"""Words in the form in which a value is found however it is written.

Case, width, spaces, line breaks and punctuation make no difference: `4111 1111`, `41111111` and
`4-1-1-1 1-1-1-1` are the same. A match still begins and ends with whole words, so `order 12` is not
found in `order 123`.
"""

import binascii
import re
import unicodedata
from base64 import b64decode
from collections.abc import Iterator, Set
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple

_WORD = re.compile(r"[^\W_]+")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")
_URL_SAFE = str.maketrans("-_", "+/")


class Squeezed(NamedTuple):
    """A text without anything but its letters and digits."""

    text: str
    edges: Set[int]
    """Where a word begins, and the end."""

    def at(self, form: str) -> bool:
        """Whether the text holds `form`, a squeezed value, as whole words.

        >>> squeezed("order 12, reorder 3").at("order12"), squeezed("reorder 3").at("order3")
        (True, False)
        """
        start = self.text.find(form)
        while start >= 0:
            if start in self.edges and start + len(form) in self.edges:
                return True
            start = self.text.find(form, start + 1)
        return False


@lru_cache(maxsize=2048)
def squeezed(text: str) -> Squeezed:
    """Squeeze a text.

    >>> squeezed("Bo  LARSEN,\\n53 111").text
    'bolarsen53111'
    """
    plain = text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
    words = _WORD.findall(plain)
    return Squeezed("".join(words), frozenset(accumulate(map(len, words), initial=0)))


def decoded(text: str) -> Iterator[str]:
    """Yield what parts of a text say once base64 is taken off.

    >>> list(decoded("see Ym9AZXhhbXBsZS5vcmc="))
    ['bo@example.org']
    """
    for part in _BASE64.findall(text):
        bare = part.rstrip("=").translate(_URL_SAFE)
        try:
            said = b64decode(bare + "=" * (-len(bare) % 4), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            continue
        if said.isprintable():
            yield said


__all__ = ["Squeezed", "decoded", "squeezed"]
