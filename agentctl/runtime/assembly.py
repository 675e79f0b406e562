"""Put a run together and play it: the one place where an agent, its context and its tools meet."""

from contextlib import closing
from typing import NamedTuple

from agentctl.models.port import ModelFault
from agentctl.runtime.conversation.loop import play
from agentctl.runtime.harness import Harness
from agentctl.runtime.run import Run, RunContext
from agentctl.toolbox.port import Backend


class PlayedRun(NamedTuple):
    """A run that was played to its end or to its next pause."""

    run: Run
    fault: ModelFault | None
    """Why the model gave no turn, where that ended the run."""


def run_agent(harness: Harness, context: RunContext, backend: Backend) -> PlayedRun:
    """Play one run of an agent, and close its tools.

    Args:
        harness: The agent.
        context: Who asks, which model answers, what time it is.
        backend: Where its tools are.

    Raises:
        Problem: If the run cannot be recorded, or cannot go on where it stopped.
    """
    run = Run(harness, context)
    with closing(backend):
        try:
            play(run, backend)
        except ModelFault as fault:
            return PlayedRun(run, fault)
    return PlayedRun(run, None)


__all__ = ["PlayedRun", "run_agent"]
