"""Compare the world a trial ended in with the one it should have ended in, field by field.

Two ways to say what is expected: the fields of some records, with matchers; or the world that the
expected calls lead to. Either way a difference names the table, the record and the field.
"""

from collections.abc import Mapping
from itertools import chain
from typing import NamedTuple

from agentctl.core.canonical import Json, same_value
from agentctl.core.errors import problem
from agentctl.core.text import count, did_you_mean
from agentctl.evals.scorers.evidence import Evidence
from agentctl.evals.scorers.reasons import MISSING, FailureReason, Score, leaves, shown_pair
from agentctl.specs.language.matchers import field_differences, matcher_name
from agentctl.specs.shapes.tools import Compare, TableSpec
from agentctl.toolbox.mock.world import Record, World


class StateDifference(NamedTuple):
    """One field, record or row order that is not as expected."""

    table: str
    key: str | None
    """`None` when the table as a whole is meant."""
    field: str | None
    """`None` when the record as a whole is meant."""
    expected: object
    got: object

    def reason(self) -> FailureReason:
        """Return the difference as a sentence."""
        path = ".".join(part for part in (self.table, self.key, self.field) if part is not None)
        whole = ("", self.expected, self.got)
        (inside, expected, got), *others = list(leaves(self.expected, self.got)) or [whole]
        path += inside
        want, have = shown_pair(expected, got)
        also = f" (and {count(len(others), 'more place')})" if others else ""
        message = f"state: `{path}`: expected {want}, got {have}{also}"
        return FailureReason("state", message, path, want, have)


def score_state(evidence: Evidence) -> Score | None:
    """Score the final state of the world, where the scenario expects one."""
    expect, world = evidence.scenario.expect, evidence.world
    if expect.state is None:
        return None
    notes: tuple[FailureReason, ...] = ()
    if expect.state == "from_calls":
        worlds = evidence.context.expected_worlds(evidence.scenario)
        compared = ((wanted, compare_worlds(wanted.world, world)) for wanted in worlds)
        nearest, found = min(compared, key=lambda one: len(one[1]))
        notes = tuple(FailureReason("expected-call", note) for note in nearest.notes)
    else:
        free = expect.calls is None and not expect.any_of
        found = compare_fields(expect.state, world, closed=free)
    return Score.of((difference.reason() for difference in found), notes)


def compare_fields(
    expected: Mapping[str, Mapping[str, Json]], world: World, *, closed: bool = False
) -> list[StateDifference]:
    """Compare records with the fields that are expected of them.

    Args:
        expected: Table -> record key -> fields (values or matchers), or `absent`.
        world: What the trial ended in.
        closed: Whether every changed record must be named: then a change to any other is a
            difference too.

    Raises:
        Problem: If no manifest declares a table.
    """
    found: list[StateDifference] = []
    for name, records in expected.items():
        spec = _table_spec(world, name)
        table = world.table(name)
        for key, fields in records.items():
            found += _record(name, key, fields, table.get(key), spec.compare)
    if closed:
        found += _unnamed(expected, world)
    return found


def compare_worlds(expected: World, actual: World) -> list[StateDifference]:
    """Compare two worlds that began alike, in the tables that either side touched.

    A field that is missing equals null. The order of records counts where their table says so.
    """
    wanted, got = expected.changes(), actual.changes()
    found: list[StateDifference] = []
    for name in sorted(wanted.keys() | got.keys()):
        spec = actual.specs()[name]
        mine, theirs = expected.table(name), actual.table(name)
        touched = dict.fromkeys(chain(wanted.get(name, ()), got.get(name, ())))
        for key in touched:
            found += _records(name, key, mine.get(key), theirs.get(key), spec.compare)
        if spec.ordered:
            order = [key for key, _ in mine.records()]
            here = [key for key, _ in theirs.records()]
            if order != here and sorted(order) == sorted(here):
                found.append(StateDifference(name, None, "order", order, here))
    return found


def _table_spec(world: World, name: str) -> TableSpec:
    specs = world.specs()
    if name not in specs:
        raise problem(
            "unknown-table",
            f"the expected state names table `{name}`, which no manifest declares",
            hint=did_you_mean(name, specs),
        )
    return specs[name]


def _record(
    table: str, key: str, fields: Mapping[str, Json] | str, record: Record | None, rule: Compare
) -> list[StateDifference]:
    if isinstance(fields, str):
        if record is None:
            return []
        return [StateDifference(table, key, None, MISSING, dict(record))]
    if record is None:
        return [StateDifference(table, key, None, dict(fields), MISSING)]
    found = []
    for name, want in fields.items():
        got = record.get(name, MISSING)
        if type(want) is str and want == got:
            continue
        if _ignores_case(rule, name) and not _holds_matcher(want):
            if not same_value(want, got, ignore_case=True):
                found.append(StateDifference(table, key, name, want, got))
            continue
        holder = {} if got is MISSING else {name: got}
        found += [
            StateDifference(
                table, key, wrong.path, wrong.expected, MISSING if wrong.missing else wrong.got
            )
            for wrong in field_differences({name: want}, holder)
        ]
    return found


def _records(
    table: str, key: str, wanted: Record | None, got: Record | None, rule: Compare
) -> list[StateDifference]:
    if wanted is None or got is None:
        if wanted is got:
            return []
        sides = (MISSING if side is None else dict(side) for side in (wanted, got))
        return [StateDifference(table, key, None, *sides)]
    found = []
    for name in dict.fromkeys(chain(wanted, got)):
        want, have = wanted.get(name), got.get(name)
        if not same_value(want, have, ignore_case=_ignores_case(rule, name)):
            found.append(StateDifference(table, key, name, want, have))
    return found


def _unnamed(expected: Mapping[str, Mapping[str, Json]], world: World) -> list[StateDifference]:
    found = []
    for name, changed in world.changes().items():
        named = expected.get(name, ())
        for key, record in changed.items():
            if key not in named:
                now = MISSING if record is None else dict(record)
                found.append(StateDifference(name, key, None, "unchanged", now))
    return found


def _ignores_case(rule: Compare, field: str) -> bool:
    return rule.ignore_case and field not in rule.exact


def _holds_matcher(value: Json) -> bool:
    if isinstance(value, dict):
        return matcher_name(value) is not None or any(
            _holds_matcher(part) for part in value.values()
        )
    return isinstance(value, list) and any(_holds_matcher(part) for part in value)


__all__ = [
    "StateDifference",
    "compare_fields",
    "compare_worlds",
    "score_state",
]
