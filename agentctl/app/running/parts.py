"""Load what a recipe names: the agent, its world, its model and its tools."""

from typing import NamedTuple

from agentctl.app.observer import UNOBSERVED, Observer
from agentctl.app.running.models import live_model
from agentctl.core.errors import problem
from agentctl.effects.paused_runs import RunRecipe
from agentctl.evals.running.turn_sources import first_recording
from agentctl.models.port import Model
from agentctl.runtime.conversation.speaking import unscreened
from agentctl.runtime.dispatch import live_backend, mock_backend
from agentctl.runtime.harness import Harness
from agentctl.specs.loading.project import Project
from agentctl.specs.loading.sets import LoadedSet
from agentctl.specs.shapes.bundle import WorldSnapshot
from agentctl.specs.shapes.golden import Scenario
from agentctl.toolbox.mock.world import World
from agentctl.toolbox.port import Backend, Elicit


class RunParts(NamedTuple):
    """What a recipe names, loaded and ready."""

    harness: Harness
    lender: LoadedSet | None
    """The golden set that lends its world."""
    scenario: Scenario | None
    model: Model | None
    """`None` where a scenario brings its own turns; else a live one, or a cassette."""
    backend: Backend | None
    """`None` where a scenario brings its own world."""


def load_parts(
    project: Project,
    recipe: RunRecipe,
    observer: Observer = UNOBSERVED,
    elicit: Elicit | None = None,
) -> RunParts:
    """Load what a recipe names.

    Args:
        project: Where its files are.
        recipe: What makes up the run.
        observer: Told of the model's words as they arrive.
        elicit: Who answers what a server of live tools wants to know; left out = nobody.

    Raises:
        Problem: If something of it is gone or wrong.
    """
    lender = project.golden_set(recipe.world) if recipe.world is not None else None
    if recipe.scenario is not None and lender is not None:
        harness = Harness(lender.bundle, recipe.model)
        scenario = lender.find(recipe.scenario).scenario
        model: Model | None = None
        if recipe.model is not None:
            model = _model(harness, recipe.model, observer)
        elif scenario.turns is None:
            model = first_recording(lender, harness, scenario.id)
            if model is None:
                raise problem(
                    "no-turns",
                    f"scenario `{scenario.id}` has no turns to replay",
                    hint=f"--model {harness.model_name} asks the model;"
                    f" agentctl eval {lender.name} --record missing records it",
                )
        return RunParts(harness, lender, scenario, model, None)
    harness = Harness(project.agent(recipe.agent), recipe.model)
    return next_run_parts(RunParts(harness, lender, None, None, None), recipe, observer, elicit)


def next_run_parts(
    parts: RunParts,
    recipe: RunRecipe,
    observer: Observer = UNOBSERVED,
    elicit: Elicit | None = None,
) -> RunParts:
    """Return the parts of another run of the same agent: with a model and a world of its own.

    Raises:
        Problem: If there is no key for the model, or a tool has no live side.
    """
    backend = run_backend(parts.harness, recipe, parts.lender, elicit)
    return parts._replace(model=_model(parts.harness, recipe.model, observer), backend=backend)


def run_backend(
    harness: Harness, recipe: RunRecipe, lender: LoadedSet | None, elicit: Elicit | None
) -> Backend:
    """Return where an agent's tools are: the live ones, or mocks over the world of a golden set.

    Raises:
        Problem: If a tool has no live side.
    """
    if recipe.mode == "live":
        return live_backend(harness.bundle, recipe.environment, elicit)
    tables = lender.tables if lender is not None else WorldSnapshot({})
    return mock_backend(harness, World(tables, harness.bundle.tables))


def _model(harness: Harness, model: str | None, observer: Observer) -> Model:
    """Return the model that plays.

    Its words are reported as they arrive only where nothing checks them first and they are prose.
    """
    reported = harness.output is None and unscreened(harness)
    return live_model(harness.bundle, model, on_text=observer.text if reported else None)


__all__ = ["RunParts", "load_parts", "next_run_parts", "run_backend"]
