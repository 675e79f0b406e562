"""The command's entry: answers `--version` at once, loads the rest only when it is needed."""

import gc
import os
import sys
from importlib import import_module


def main() -> None:
    """Run `agentctl` with the arguments of the process and exit with its code."""
    _open_streams()
    if sys.argv[1:] == ["--version"]:
        from agentctl import __version__  # noqa: PLC0415 - the package itself, already loaded

        sys.stdout.write(f"agentctl {__version__}\n")
        return
    # A command reads much and makes few cycles. At the usual threshold of 700 the collector, which
    # scans everything that was read again and again, takes a third of the time.
    gc.set_threshold(50_000)
    sys.exit(import_module("agentctl.cli.program").run_cli(sys.argv[1:]))


def _open_streams() -> None:
    """Let a stream that the caller closed (`>&-`) lead nowhere: the exit code still counts."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115


if __name__ == "__main__":
    main()
