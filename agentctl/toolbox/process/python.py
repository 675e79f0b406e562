"""Call a Python function in a process of its own: `function(args, context)`.

It is shut in like any other program (`process.py`), and each call has a fresh process: nothing of
one call is left for the next. A function is named by a manifest and nowhere else. It is found
beside the manifest, at the project's root, or among the installed packages.
"""

from agentctl.core.errors import problem
from agentctl.specs.shapes.live_kinds import PythonLive
from agentctl.specs.shapes.tools import ToolSpec
from agentctl.toolbox.port import Opening
from agentctl.toolbox.process.command import CommandTools, process_environment, result_text
from agentctl.toolbox.process.process import Program
from agentctl.toolbox.process.worker import FOUND


class PythonTools(CommandTools):
    """The tools of one agent that are Python functions.

    A function is a program that obeys the contract of `command.py`: what it returns is printed as
    JSON, and an exception ends it with the exception's line on stderr.

    Raises:
        Problem: If a function does not exist or cannot be imported, or a variable is not set.
    """

    def _prepared(self, tool: ToolSpec, opening: Opening) -> Program:
        live = tool.live
        assert isinstance(live, PythonLive)
        folder = opening.bundle.folders[tool.name].resolve()
        places = (live.function, str(folder), str(opening.bundle.root.resolve()))
        program = Program("call", places, folder, process_environment(tool, opening), live)
        ended = self._processes.run(program._replace(mode="find"), b"")
        if ended.output != FOUND:
            slow = f"importing it took longer than {live.timeout_s:g} s"
            why = slow if ended.how == "timeout" else result_text(ended.said, program)
            raise problem(
                "no-such-function",
                f"`{tool.name}` calls `{live.function}`: {why or 'it cannot be imported'}",
                hint="modules are found beside the manifest, at the project's root and among the"
                " installed packages",
            )
        return program


__all__ = ["PythonTools"]
