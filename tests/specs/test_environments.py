"""Where a live run acts: staging unless production is asked for by name, and never by mistake."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from agentctl.app.running.environments import environment_of
from agentctl.core.errors import Problem
from agentctl.specs.shapes.project import ProjectSpec
from tests.support.command import Screen
from tests.support.here import Here
from tests.support.loopback import Loopback, calls, says
from tests.support.provider import Provider, serving

GET = calls(("get_order", '{"order_id": "o_1"}'), ids=("a",))
CANCEL = calls(("cancel_order", '{"order_id": "o_1"}'), ids=("b",))
DONE = says("Order o_1 is cancelled.")
LIVE = ("run", "order-desk", "Cancel o_1", "--live", "--as", "customer:cus_7")


@pytest.fixture
def here(tmp_path: Path, model: Loopback, shop: Provider) -> Here:
    return Here(tmp_path, model, shop)


def declare(root: Path, **environments: Any) -> None:
    """Give the project environments."""
    file = root / "agentctl.yaml"
    project = {**json.loads(file.read_text()), "environments": environments}
    file.write_text(json.dumps(project))


def asks(here: Here, *more: str) -> str:
    """Start the task, let it pause, and return the run's id."""
    out, _ = here(*LIVE, "--approvals", "queue", "--format", "json", *more, exits=4)
    return str(json.loads(out)["run"])


def started(root: Path) -> dict[str, Any]:
    """Return the body of the newest run's first event."""
    newest = max((root / ".agentctl" / "traces").glob("*.jsonl"))
    body: dict[str, Any] = json.loads(newest.read_text().splitlines()[0])["body"]
    return body


@pytest.mark.parametrize(
    ("declared", "asked", "live", "expected"),
    [
        ((), None, False, None),
        ((), None, True, None),
        (("staging", "production"), None, True, "staging"),
        (("staging", "production"), "production", True, "production"),
        (("production",), "production", True, "production"),
        (("staging",), None, False, None),
        ((), "staging", True, "no-environments"),
        ((), "staging", False, "env-without-live"),
        (("staging",), "staging", False, "env-without-live"),
        (("staging",), "production", True, "unknown-environment"),
        (("production",), None, True, "no-staging"),
        (("production",), "staging", True, "unknown-environment"),
    ],
)
def test_production_is_entered_by_its_name_alone(
    declared: tuple[str, ...], asked: Any, live: bool, expected: str | None
):
    """`--live` means staging; what cannot be meant is refused, with the way out."""
    project = ProjectSpec.model_validate({"environments": {name: {} for name in declared}})
    try:
        found = environment_of(project, asked, live=live)
    except Problem as refused:
        (diagnostic,) = refused.diagnostics
        assert diagnostic.code == expected
        assert diagnostic.hint
    else:
        assert found == expected


def test_a_run_acts_where_its_environment_is(here: Here, model: Loopback, shop: Provider):
    """The environment's variables come before the shell's, and the trace says which it was."""
    with serving(Provider()) as real:
        declare(
            here.root,
            staging={"variables": {"SHOP_API": shop.url}},
            production={"variables": {"SHOP_API": real.url}},
        )
        here.env["SHOP_API"] = "http://127.0.0.1:1"
        model.script(GET, DONE)
        _, err = here(*LIVE)
        assert "live tools of staging, acting for customer:cus_7" in err
        assert (len(shop.requests), len(real.requests)) == (1, 0)
        assert started(here.root)["environment"] == "staging"
        model.script(GET, DONE)
        out, err = here(*LIVE, "--env", "production", "--format", "json")
        assert "live tools of production" in err
        assert (len(shop.requests), len(real.requests)) == (1, 1)
        assert json.loads(out)["environment"] == "production"


def test_a_project_without_environments_has_traces_as_before(here: Here, model: Loopback):
    """Nothing is said of an environment where there is none."""
    model.script(GET, DONE)
    _, err = here(*LIVE)
    assert "live tools, acting for customer:cus_7" in err
    assert "environment" not in started(here.root)


def test_resume_goes_on_in_the_same_environment(here: Here, model: Loopback, shop: Provider):
    """The inbox shows where a call would act; after the answer it acts there."""
    with serving(Provider()) as staging:
        declare(
            here.root,
            staging={"variables": {"SHOP_API": staging.url}},
            production={"variables": {"SHOP_API": shop.url}},
        )
        model.script(GET, CANCEL)
        run = asks(here, "--env", "production")
        assert "for cus_7 in production" in here("inbox", "show", "1")[0]
        (entry,) = json.loads(here("inbox", "list", "--format", "json", exits=4)[0])["waiting"]
        assert entry["environment"] == "production"
        assert "in production" in here("inbox", "list", exits=4)[0]
        here("inbox", "approve", "1", "--as", "dana")
        model.script(DONE)
        here("resume", run)
        assert shop.effects_on("o_1") == 1
        assert staging.requests == []


def test_a_run_is_never_taken_up_in_another_environment(here: Here, model: Loopback):
    """Whoever changes what a run was started with finds it refused, before anything is sent."""
    declare(here.root, staging={}, production={})
    model.script(GET, CANCEL)
    run = asks(here)
    here("inbox", "approve", "1", "--as", "dana")
    with closing(sqlite3.connect(here.root / ".agentctl" / "state.db")) as db, db:
        db.execute("UPDATE sessions SET recipe = replace(recipe, 'staging', 'production')")
    _, err = here("resume", run, exits=1)
    assert "changed since the run was paused (environment)" in err


def test_what_was_done_in_staging_is_not_done_in_production(
    here: Here,
    model: Loopback,
    shop: Provider,
):
    """The ledger knows an effect by its environment too; twice in one is still refused."""
    policy = here.root / "agents" / "policy.yaml"
    policy.write_text(policy.read_text().replace("> 100", "> 1000"))
    with serving(Provider()) as real:
        declare(
            here.root,
            staging={"variables": {"SHOP_API": shop.url}},
            production={"variables": {"SHOP_API": real.url}},
        )
        for env, exits in (("staging", 0), ("production", 0), ("production", 0)):
            model.script(GET, CANCEL, DONE)
            here(*LIVE, "--env", env, exits=exits)
        assert (shop.effects_on("o_1"), real.effects_on("o_1")) == (1, 1)


def test_check_warns_of_environments_that_lead_to_the_same_place(here: Here):
    """One address for both, or a file that is not here, is told; neither fails the check."""
    (here.root / ".env.staging").write_text("TOKEN=x\n")
    declare(
        here.root,
        staging={"variables": {"SHOP_API": "https://shop"}, "env_file": ".env.staging"},
        production={"variables": {"SHOP_API": "https://shop"}, "env_file": ".env.production"},
    )
    out, _ = here("check", "agentctl.yaml")
    assert "warning[same-address]: SHOP_API is the same in staging and in production" in out
    assert "warning[missing-env-file]: .env.production does not exist here" in out
    assert ".env.staging here" not in out


def test_production_is_said_plainly_at_a_terminal(here: Here, model: Loopback):
    """Somebody who sits there reads it, even with --quiet; staging needs no warning."""
    declare(here.root, staging={}, production={})

    def seen(*words: str) -> str:
        screen = Screen(here.root, *words, "--quiet", env=here.env)
        screen.end()
        return screen.text

    warning = "PRODUCTION: this run acts on real systems"
    model.script(DONE, DONE)
    assert warning in seen(*LIVE, "--env", "production")
    assert warning not in seen(*LIVE)
    model.script(GET, CANCEL)
    asks(here, "--env", "production", "--quiet")
    here("inbox", "reject", "1", "--as", "dana")
    model.script(DONE)
    assert warning in seen("resume", "latest")
