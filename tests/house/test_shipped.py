"""The two systems that ship: their files are valid, their sets pass and are worth passing."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from agentctl.core.events import Event
from agentctl.runtime.harness import Harness
from agentctl.runtime.trial import play_trial
from agentctl.specs.loading.project import Project
from agentctl.specs.shapes.golden import Scenario
from tests.mutants import ROOT
from tests.support import command
from tests.support.command import Done

SETS = ("order-support", "support-triage")
FILES = sorted(
    path
    for folder in ("agents", "tools", "golden_sets")
    for path in (ROOT / folder).rglob("*.yaml")
)
KINDS = {
    "order-support": {
        "plain": "cancel-last-order",
        "vague": "vague-request",
        "angry": "angry-customer",
        "out of domain": "out-of-domain",
        "other people's data": "somebody-elses-order",
        "bound argument": "model-sets-the-customer",
        "instructions in the message": "claims-to-be-the-boss",
        "a person approves": "large-order-approved",
        "tool down": "orders-down",
        "record changed in between": "shipped-while-we-talked",
        "acknowledgement lost": "lost-acknowledgement",
        "escalation needed": "threat-of-a-lawyer",
        "escalation needless": "words-that-need-no-person",
    },
    "support-triage": {
        "plain": "where-is-my-order",
        "vague": "vague-subject-clear-text",
        "angry": "angry-customer-is-routed-to-billing",
        "ambiguous": "ambiguous-ticket",
        "out of domain": "no-support-request",
        "other people's data": "close-my-friends-ticket",
        "bound argument": "names-another-account",
        "instructions hidden in a ticket": "hidden-refund-order",
        "a person approves": "reply-made-kinder",
        "tool down": "orders-down",
        "record changed in between": "a-colleague-was-faster",
        "acknowledgement lost": "reply-sent-once",
        "escalation needed": "chargeback-in-the-text",
        "escalation needless": "words-that-need-no-person",
    },
}


class Played(NamedTuple):
    """One scenario and what happened in it."""

    scenario: Scenario
    events: list[Event]

    def bodies(self, kind: str) -> Iterator[dict]:
        return (event.body for event in self.events if event.type == kind)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Played]]:
    """Return every scenario of both sets, played once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AGENTCTL_HOME", str(tmp_path_factory.mktemp("state")))
        patch.chdir(ROOT)
        project = Project.find(ROOT)
        return {name: _play(project, name) for name in SETS}


def _play(project: Project, name: str) -> dict[str, Played]:
    loaded = project.golden_set(name)
    harness = Harness(loaded.bundle)
    return {
        scenario.id: Played(
            scenario,
            play_trial(harness, scenario, loaded.tables, set_name=name, now=loaded.head.now).events,
        )
        for scenario, _ in loaded.scenarios()
    }


def agentctl(home: Path, *arguments: str) -> Done:
    """Run a command in the shipped project, with its state elsewhere."""
    return command.agentctl(ROOT, *arguments, env={"AGENTCTL_HOME": str(home)})


def test_check_finds_nothing_to_say(tmp_path: Path) -> None:
    """The shipped files are valid, and draw no warning either."""
    done = agentctl(tmp_path, "check")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "no problems" in done.stdout + done.stderr
    assert "warning" not in done.stdout + done.stderr


def test_both_sets_pass_offline(tmp_path: Path) -> None:
    """Both golden sets pass every gate, with turns made for exactly these agents."""
    done = agentctl(tmp_path, "eval", *SETS, "--format", "json")

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    report = json.loads(done.stdout)
    assert report["verdict"]["outcome"] == "passed"
    for one in report["sets"]:
        summary = one["summary"]
        assert summary["scenarios"] >= 13
        assert summary["passed"] == summary["trials"]
        assert summary["inconclusive"] == summary["invariant_breaches"] == 0
        assert summary["freshness"] == {"fresh": summary["trials"]}, "look, then `eval --stamp`"
        assert summary["figures"]["cost_vs_human"]["value"] is not None
        assert {row["cost"]["status"] for row in one["trials"]} == {"declared"}


def test_first_screen_works_without_a_key(tmp_path: Path) -> None:
    """The run that the README shows needs no key and prints the answer alone on stdout."""
    done = agentctl(tmp_path, "run", "--scenario", "order-support:cancel-last-order")

    assert done.returncode == 0, done.stderr
    assert "rf_o_1001" in done.stdout
    assert len(done.stdout.strip().splitlines()) == 1


@pytest.mark.parametrize("name", SETS)
def test_every_kind_of_case_is_there(name: str, played: dict[str, dict[str, Played]]) -> None:
    """Each kind of trouble that a set promises to hold has its scenario."""
    missing = {kind for kind, scenario in KINDS[name].items() if scenario not in played[name]}

    assert not missing


@pytest.mark.parametrize("name", SETS)
def test_third_of_the_scenarios_misbehave(name: str, played: dict[str, dict[str, Played]]) -> None:
    """In at least a third of the scenarios the model does something wrong on purpose."""
    wrong = [one for one in played[name].values() if "misbehaves" in one.scenario.tags]

    assert 3 * len(wrong) >= len(played[name])


@pytest.mark.parametrize("name", SETS)
def test_scaffolding_acts_where_the_model_misbehaves(
    name: str, played: dict[str, dict[str, Played]]
) -> None:
    """Wherever the model misbehaves, the trace shows that something other than luck stopped it."""
    idle = [
        scenario_id
        for scenario_id, one in played[name].items()
        if "misbehaves" in one.scenario.tags and not _stopped(one)
    ]

    assert idle == []


def _stopped(one: Played) -> bool:
    """Whether a gate, a guardrail, a watch, a check of the answer or a key did something."""
    refused = any(body["verdict"] == "deny" for body in one.bodies("call.decided"))
    railed = any(True for _ in one.bodies("guardrail.hit"))
    watched = any(body["by"] == "runtime" for body in one.bodies("escalated"))
    answers = [body for body in one.bodies("model.replied") if not body["calls"]]
    sent_back = len(answers) > 1 and not one.scenario.conversation
    keys = Counter(body["key"] for body in one.bodies("effect.intended") if body["key"])
    repeated = any(times > 1 for times in keys.values())
    return refused or railed or watched or sent_back or repeated


@pytest.mark.parametrize("name", SETS)
def test_who_approves_serves_the_queue_that_asks(
    name: str, played: dict[str, dict[str, Played]]
) -> None:
    """Scripted approvers are people of the project, and the queue that asks is theirs."""
    people = yaml.safe_load((ROOT / "agentctl.yaml").read_text(encoding="utf-8"))["people"]
    wrong = []
    for one in played[name].values():
        for asked, given in zip(
            one.bodies("approval.requested"), one.bodies("approval.given"), strict=True
        ):
            if given["by"] is not None and asked["by"] not in people[given["by"]]["queues"]:
                wrong.append((one.scenario.id, asked["by"], given["by"]))

    assert wrong == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_shipped_yaml_reads_alike_everywhere(path: Path) -> None:
    """Both parsers of PyYAML read a file alike, so it can be copied to any machine."""
    text = path.read_text(encoding="utf-8")

    assert yaml.load(text, yaml.SafeLoader) == yaml.load(
        text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    )


def test_nobody_real_is_in_the_shipped_files() -> None:
    """Every address is at a domain reserved for examples, and nothing looks like a phone number."""
    for path in [*FILES, ROOT / "agentctl.yaml"]:
        text = path.read_text(encoding="utf-8")
        addresses = re.findall(r"[\w.+-]+@([\w.-]+\w)", text)
        assert set(addresses) <= {"example.com"}, path
        assert not re.search(r"\+\d[\d ()-]{7,}", text), path


def test_turns_hold_usage(played: dict[str, dict[str, Played]]) -> None:
    """Every written turn says its tokens: the cost gates rest on no estimate."""
    bare = [
        one.scenario.id
        for scenarios in played.values()
        for one in scenarios.values()
        if any(turn.usage is None for turn in one.scenario.turns or ())
    ]

    assert bare == []
