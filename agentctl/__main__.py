"""The command's entry: answers `--version` at once, loads the rest only when it is needed."""

import sys
from importlib import import_module


def main() -> None:
    """Run `agentctl` with the arguments of the process and exit with its code."""
    if sys.argv[1:] == ["--version"]:
        from agentctl import __version__  # noqa: PLC0415 - the package itself, already loaded

        sys.stdout.write(f"agentctl {__version__}\n")
        return
    sys.exit(import_module("agentctl.cli.app").run(sys.argv[1:]))


if __name__ == "__main__":
    main()
