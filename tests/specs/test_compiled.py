"""Compiled forms of spec models hold what their models hold, and travel as text."""

import pickle

import msgspec
import pytest
from pydantic import BaseModel

from agentctl.specs.loading.project import Project
from agentctl.specs.reading.compiled import compiled, normalised
from agentctl.specs.shapes.golden import Scenario
from agentctl.specs.shapes.turns import Recording
from tests.mutants import ROOT


def same(model, struct) -> bool:
    """Whether two values hold the same, models and structs by their fields, types counted."""
    if isinstance(model, BaseModel):
        fields = type(model).model_fields
        return all(same(getattr(model, name), getattr(struct, name)) for name in fields)
    if type(model) is not type(struct):
        return False
    if isinstance(model, dict):
        return list(model) == list(struct) and all(same(model[key], struct[key]) for key in model)
    if isinstance(model, list | tuple):
        return len(model) == len(struct) and all(map(same, model, struct))
    return model == struct


def plain(struct):
    """Return a struct as the data a model validates."""
    return msgspec.to_builtins(struct)


@pytest.mark.parametrize("name", ["order-support", "support-triage"])
def test_every_shipped_scenario_reads_the_same(name):
    """A scenario decoded from its normalised text has the fields, types and order of the model."""
    for one in Project.find(ROOT).golden_set(name).scenarios():
        model = Scenario.model_validate(plain(one.scenario))
        assert same(model, compiled(Scenario)(normalised(model)))


def test_numbers_order_and_moments_survive():
    """20.0 is not 20, records keep their order, and a moment keeps its offset."""
    model = Scenario.model_validate(
        {
            "id": "s",
            "principal": {"id": "p"},
            "input": "hello",
            "now": "2026-01-15T09:00:00+02:00",
            "world": {"orders": {"b": {"total": 20.0, "size": 20}, "a": {"total": 1e16}}},
            "approvals": {"pay": {"modify": {"amount": 5}}},
            "expect": {"calls": "none"},
            "turns": [{"call": {"get": None}, "usage": {"in": 1, "out": 2}}, {"say": ""}],
        }
    )
    read = compiled(Scenario)(normalised(model))
    assert same(model, read)
    assert read.now.utcoffset() == model.now.utcoffset()
    assert read.expect.escalation == ()


def test_it_travels_as_text():
    """A pickled recording is little more than its JSON, and comes back equal."""
    model = Recording.model_validate(
        {"scenario": "s", "turns": [{"call": {"get": {"n": n}}} for n in range(50)]}
    )
    read = compiled(Recording)(normalised(model))
    sent = pickle.dumps(read)
    assert pickle.loads(sent) == read  # noqa: S301 - made a line above
    assert len(sent) < len(normalised(model)) + 200


def test_it_cannot_be_changed():
    """A compiled scenario is as frozen as its model."""
    read = compiled(Recording)(b'{"scenario":"s","turns":[]}')
    with pytest.raises(AttributeError):
        read.trial = 2
