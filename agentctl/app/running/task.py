"""Give an agent one task and play it to its end: what a program asks for, without a terminal."""

from collections.abc import Mapping, Sequence

from agentctl.app.observer import UNOBSERVED, Observer
from agentctl.app.running.participants import Participants
from agentctl.app.running.parts import RunParts, load_parts, run_backend
from agentctl.app.running.recipes import TaskOptions, task_recipe
from agentctl.app.running.runs import FinishedRun, run_recipe
from agentctl.core.canonical import Json
from agentctl.models.scripted import ScriptedModel
from agentctl.runtime.harness import Harness
from agentctl.runtime.run import ScriptedInputs
from agentctl.specs.loading.project import Project
from agentctl.specs.reading.decode import decode
from agentctl.specs.reading.yaml import Source
from agentctl.specs.shapes.turns import Turn


def run_task(
    project: Project,
    asked: TaskOptions,
    task: str | dict[str, Json],
    turns: Sequence[Mapping[str, Json]] | None = None,
    observer: Observer = UNOBSERVED,
) -> FinishedRun:
    """Run an agent on one task; nobody is there to answer or approve.

    Args:
        project: Where the agent is.
        asked: Which agent, for whom, against which tools.
        task: What it is to do: words, or an event.
        turns: What the model says, as golden sets write it; left out = the model is asked.
        observer: Told of each event.

    Raises:
        Problem: If something that is named does not exist, or the model cannot be asked.
    """
    recipe, whose = task_recipe(project, asked)
    recipe = recipe._replace(principal=whose(None))
    people = Participants(ScriptedInputs(task))
    if turns is None:
        parts = load_parts(project, recipe, observer)
    else:
        played = [decode(Turn, dict(turn), _source(n)) for n, turn in enumerate(turns, start=1)]
        lender = project.golden_set(recipe.world) if recipe.world is not None else None
        harness = Harness(project.agent(recipe.agent), recipe.model)
        model = ScriptedModel(played, harness.model_name)
        backend = run_backend(harness, recipe, lender, None)
        parts = RunParts(harness, lender, None, model, backend)
    return run_recipe(project, recipe, parts, people, observer)


def _source(number: int) -> Source:
    """Return what a problem with a turn is said to be a part of."""
    return Source(f"turn {number}")


__all__ = ["run_task"]
