"""The child's side of a tool that runs in a process of its own: limit it, then run it.

Run as a file by `process.py`, with Python's standard library and nothing of agentctl: what is not
loaded here costs nothing, and every call pays. Arguments: the mode, a word that only the parent
knows, seconds, megabytes, then for

- `run`: a program and its arguments, which takes this process's place;
- `find`: `module:function` and the folders to look in: is it there?
- `call`: the same; call it with the request on stdin, and write what it returns to stdout.

What could not be started answers with the parent's word, so that nobody mistakes it for a tool that
ran and failed.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # typing's own costs more than all the rest
if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from typing import Any, NoReturn

FOUND = b"found"
GRACE_S = 5
"""Seconds after the time-out when a process ends by itself, should nobody be left to end it."""


class Context:
    """What a function is told besides its arguments.

    Attributes:
        tool: Its name.
        agent: Whose tool it is.
        principal: On whose behalf: `id`, `role`, `name` and their attributes.
        key: What makes two calls the same effect; `None` for a read.
        now: When.
    """

    def __init__(
        self, tool: str, agent: str, principal: dict[str, Any], key: str | None, now: datetime
    ) -> None:
        self.tool = tool
        self.agent = agent
        self.principal = principal
        self.key = key
        self.now = now


def worker_main(argv: list[str]) -> None:
    """Do what the parent asked for."""
    mode, word, seconds, megabytes, *rest = argv
    del sys.argv[1:]  # they are not the tool's
    _limit(float(seconds), int(megabytes))
    if os.environ.get("LC_CTYPE") == "C.UTF-8":
        del os.environ["LC_CTYPE"]  # Python set it; the tool sees what its manifest names
    if mode == "run":
        try:
            os.execv(rest[0], rest)
        except OSError as error:
            _not_started(1, word, error.strerror or str(error))
    # What the function prints is no answer: it goes where errors go.
    answer = os.dup(1)
    os.dup2(2, 1)
    try:
        function = _function(*rest)
    except BaseException as error:  # noqa: BLE001 - a module may raise anything
        _not_started(answer, word, _said(error))
    if mode == "find":
        os.write(answer, FOUND)
    else:
        _call(function, answer, int(megabytes))


def _function(reference: str, *folders: str) -> Callable[[dict[str, Any], Context], object]:
    import importlib  # noqa: PLC0415 - what a launcher does not need, it does not load

    sys.path[:0] = folders
    module, _, name = reference.partition(":")
    found = getattr(importlib.import_module(module), name)
    if not callable(found):
        raise TypeError(f"{reference} is not a function")
    return found  # type: ignore[no-any-return]


def _call(
    function: Callable[[dict[str, Any], Context], object], answer: int, megabytes: int
) -> None:
    import json  # noqa: PLC0415 - as above
    from datetime import datetime  # noqa: PLC0415

    asked = json.loads(sys.stdin.buffer.read())
    now = datetime.fromisoformat(asked["now"])
    context = Context(asked["tool"], asked["agent"], asked["principal"], asked["key"], now)
    try:
        result = function(asked["args"], context)
    except MemoryError:
        sys.exit(f"MemoryError: it needs more than {megabytes} MB (`memory_mb`)")
    except BaseException as error:  # noqa: BLE001 - nor SystemExit: it was asked for a result
        sys.exit(_said(error))
    try:
        text = json.dumps(result, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        message = f"what it returned is not JSON: {error}"
        text = json.dumps({"error": "invalid_output", "message": message})
    with os.fdopen(answer, "wb") as stream:
        stream.write(text.encode())


def _limit(seconds: float, megabytes: int) -> None:
    """Cap memory, leave no core dump, and end by itself should the parent be killed."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - not there on Windows
    import signal  # noqa: PLC0415

    # Not the address space: Node reserves far more of that than it ever uses.
    for kind, most in ((resource.RLIMIT_DATA, megabytes << 20), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))
    signal.alarm(int(seconds) + GRACE_S)


def _not_started(answer: int, word: str, why: str) -> NoReturn:
    os.write(answer, f"{word}{why}".encode())
    os._exit(1)


def _said(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


__all__ = ["FOUND", "GRACE_S", "Context", "worker_main"]

if __name__ == "__main__":
    worker_main(sys.argv[1:])
