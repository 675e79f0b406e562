"""Mocked tools: declared operations on the tables of a world, scripted replies, or a function.

A mock never sees the network, the clock or a random number: what it returns depends on the world,
the arguments, the principal and the moment it is given, so the same scenario gives the same bytes
on any machine. A Python function comes from a file beside the manifest, named in the manifest and
nowhere else: a golden set can never cause code to run.
"""

import importlib.util
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import cmp_to_key
from pathlib import Path
from typing import NamedTuple, Protocol

from agentctl.core.canonical import Json, check_plain
from agentctl.core.errors import problem
from agentctl.core.messages import ToolErrorKind
from agentctl.specs.language.expressions import Expression, literal_or_expression
from agentctl.specs.language.matchers import fields_test
from agentctl.specs.shapes.bundle import Bundle
from agentctl.specs.shapes.tools import Mock
from agentctl.toolbox.mock.world import Record, World
from agentctl.toolbox.port import BackendCall


class MockError(Exception):
    """The mocked system refuses; a Python mock raises it as well.

    Args:
        kind: What the caller sees, such as `not_found` or `conflict`.
        message: One sentence for the model.
    """

    def __init__(self, kind: ToolErrorKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


class Operation(Protocol):
    """A mocked tool, ready to be called."""

    def __call__(self, world: World, call: BackendCall) -> Json:
        """Return the result, or raise `MockError`."""
        ...


class MockedTool(NamedTuple):
    """One mock, compiled."""

    operation: Operation
    latency_s: float
    """Virtual seconds that one call takes."""


def compile_mocks(bundle: Bundle) -> dict[str, MockedTool]:
    """Compile the mocks of an agent's tools; those without one are left out.

    Raises:
        Problem: If a Python mock cannot be loaded.
    """
    return {
        name: MockedTool(_compile(tool.mock, bundle, name), tool.mock.latency_s)
        for name, tool in bundle.tools.items()
        if tool.mock is not None
    }


def _compile(mock: Mock, bundle: Bundle, name: str) -> Operation:
    if mock.python is not None:
        return _python(mock.python, bundle.folders[name], name)
    if mock.replies is not None:
        return _replies(mock, name)
    if mock.find is not None:
        return _find(mock, mock.find)
    if mock.insert is not None:
        return _insert(mock, mock.insert)
    table = mock.get or mock.update or mock.delete or ""
    return _one_record(mock, table, mock.key or f"args.{bundle.tables[table].key}")


def _one_record(mock: Mock, table: str, key: str) -> Operation:
    find_key = Expression(key)
    check = _requirements(mock)
    setters = literal_or_expression(mock.set)
    shape = _shape(mock)

    def operate(world: World, call: BackendCall) -> Json:
        variables = _variables(call)
        wanted = find_key.evaluate(variables)
        record = world.table(table).get(wanted)
        if record is None:
            raise MockError("not_found", f"no record `{wanted}` in {table}")
        variables["record"] = record
        check(variables)
        if mock.update is not None:
            record = {**record, **setters(variables)}
            world.table(table).put(wanted, record)
            variables["record"] = record
        elif mock.delete is not None:
            world.table(table).delete(wanted)
        return shape(variables, record)

    return operate


def _find(mock: Mock, table: str) -> Operation:
    where = Expression(mock.where) if mock.where else None
    shape = _shape(mock)

    def operate(world: World, call: BackendCall) -> Json:
        variables = _variables(call)
        found = []
        for _, record in world.table(table).records():
            variables["record"] = record
            if where is None or where.evaluate(variables) is True:
                found.append(record)
        if mock.order_by is not None:
            found = _sorted(found, mock.order_by)
        return [shape({**variables, "record": r}, r) for r in found[: mock.limit]]

    return operate


def _insert(mock: Mock, table: str) -> Operation:
    fields = literal_or_expression(mock.record)
    check = _requirements(mock)
    shape = _shape(mock)

    def operate(world: World, call: BackendCall) -> Json:
        variables = _variables(call)
        check(variables)
        target = world.table(table)
        record = fields(variables)
        key = record.get(target.spec.key) or target.free_key()
        if target.get(key) is not None:
            raise MockError("conflict", f"record `{key}` is in {table} already")
        record = {target.spec.key: key, **record}
        target.put(key, record)
        variables["record"] = record
        return shape(variables, record)

    return operate


def _replies(mock: Mock, name: str) -> Operation:
    replies = [
        (fields_test(r.args), literal_or_expression(r.value), r.fails) for r in mock.replies or ()
    ]

    def operate(world: World, call: BackendCall) -> Json:  # noqa: ARG001 - replies know no world
        for fits, value, fails in replies:
            if fits(call.args):
                if fails is not None:
                    raise MockError(fails.error, fails.message)
                return value(_variables(call))
        raise MockError("missing_mock", f"no reply of the mock of `{name}` fits these arguments")

    return operate


def _python(reference: str, folder: Path, name: str) -> Operation:
    function = load_function(reference, folder, name)

    def operate(world: World, call: BackendCall) -> Json:
        try:
            # What was decided on stays as it was, whatever a stranger's code does to it.
            result: Json = function(world, deepcopy(call.args), deepcopy(call.principal), call.now)
            check_plain(result)
        except MockError:
            raise
        except Exception as error:
            message = f"the mock of `{name}` failed: {type(error).__name__}: {error}"
            raise MockError("missing_mock", message) from error
        return result

    return operate


def load_function(reference: str, folder: Path, name: str) -> Callable[..., Json]:
    """Load `file.py:function`, a file in `folder` or below it.

    Raises:
        Problem: If the file is elsewhere, missing or broken, or has no such function.
    """
    file, _, function = reference.partition(":")
    path = (folder / file).resolve()
    if not path.is_relative_to(folder.resolve()) or path.suffix != ".py" or not path.is_file():
        raise problem(
            "unknown-mock",
            f"the mock of `{name}` names `{reference}`, which is not a file beside its manifest",
            hint="write `file.py:function`, with the file in the manifest's folder",
        )
    spec = importlib.util.spec_from_file_location(f"agentctl_mocks_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise problem("unknown-mock", f"`{reference}` cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        found = getattr(module, function)
    except Exception as error:
        raise problem(
            "broken-mock", f"`{reference}` cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    checked: Callable[..., Json] = found
    return checked


def _requirements(mock: Mock) -> Callable[[dict[str, Json]], None]:
    rules = [(Expression(r.that), r.otherwise) for r in mock.require]

    def check(variables: dict[str, Json]) -> None:
        for that, otherwise in rules:
            if that.evaluate(variables) is not True:
                raise MockError(otherwise.error, otherwise.message)

    return check


def _shape(mock: Mock) -> Callable[[dict[str, Json], Record], Json]:
    if mock.value is None:
        return lambda _variables, record: dict(record)
    render = literal_or_expression(mock.value)
    return lambda variables, _record: render(variables)


def _variables(call: BackendCall) -> dict[str, Json]:
    return {"args": call.args, "principal": call.principal, "now": call.now, "record": {}}


def _sorted(records: list[Record], field: str) -> list[Record]:
    """Order records by a field; those without it come last either way. Equal ones keep place."""
    name = field.removeprefix("-")
    sign = -1 if field.startswith("-") else 1

    def compare(left: Mapping[str, Json], right: Mapping[str, Json]) -> int:
        a, b = left.get(name), right.get(name)
        if a is None or b is None:
            return (a is None) - (b is None)
        try:
            return sign * int((a > b) - (a < b))
        except TypeError:
            return sign * ((str(a) > str(b)) - (str(a) < str(b)))

    return sorted(records, key=cmp_to_key(compare))


__all__ = ["MockError", "MockedTool", "Operation", "compile_mocks", "load_function"]
