"""Break the code that decides, one small change at a time, and see whether a test notices.

Each mutant is one change of one source file: a comparison turned, `and` for `or`, a `not` left
out, a constant changed, a statement deleted. It is played in a copy of the project, against the
tests that hold the file. `targets.yaml` says which tests hold which file; a mutant that no test
can catch, because it decides nothing, is listed in `equivalent.yaml` with the reason.
"""

import ast
import copy
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import yaml

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
_OPPOSITES: dict[type[ast.AST], tuple[type[ast.AST], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
}
_SWAPPED_CALLS = {"any": "all", "all": "any", "min": "max", "max": "min"}
_DELETED = (ast.Assign, ast.AugAssign, ast.Expr, ast.Raise, ast.Continue, ast.Break, ast.Delete)


class Target(NamedTuple):
    """A file that decides, and the tests that hold it."""

    file: str
    tests: tuple[str, ...]
    """In the order in which they are run; the first failure is enough."""


class Mutant(NamedTuple):
    """One change of one file."""

    file: str
    name: str
    """Where and what, the same wherever the line moves: `Gate.decide: a and b -> a or b`."""
    render: Callable[[], str]
    """Write the whole file with the change."""


def targets() -> list[Target]:
    """Return the files that are broken, with their tests."""
    listed = yaml.safe_load((HERE / "targets.yaml").read_text(encoding="utf-8"))
    return [Target(file, tuple(tests)) for file, tests in listed.items()]


def equivalent() -> dict[str, dict[str, str]]:
    """Return, by file, the mutants that decide nothing, each with why."""
    found = yaml.safe_load((HERE / "equivalent.yaml").read_text(encoding="utf-8"))
    return {file: dict(listed) for file, listed in found.items()}


def mutants_of(file: str, source: str) -> list[Mutant]:
    """Return every mutant of a source file, in the order of its lines."""
    tree = ast.parse(source)
    found: list[Mutant] = []
    names: Counter[str] = Counter()
    for place in list(_places(tree, "")):
        where, *_, old = place
        for new in _replacements(old):
            name = f"{where}: {_line(old)} -> {_line(new)}"
            names[name] += 1
            if names[name] > 1:
                name += f" #{names[name]}"
            found.append(Mutant(file, name, partial(_render, tree, place, new)))
    return found


def _render(tree: ast.Module, place: "Place", new: ast.AST) -> str:
    _, holder, field, index, old = place
    _put(holder, field, index, new)
    source = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
    _put(holder, field, index, old)
    return source


Place = tuple[str, ast.AST, str, int | None, ast.AST]
"""Function or class, node above, its field, index in the field, node."""


def _places(node: ast.AST, where: str) -> Iterator[Place]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        where = f"{where}.{node.name}" if where else node.name
    for field, value in ast.iter_fields(node):
        if _is_no_code(node, field):
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.AST) and not _is_doc(child):
                yield where, node, field, index, child
                yield from _places(child, where)


def _is_no_code(node: ast.AST, field: str) -> bool:
    """Types, decorators, imports, messages and lists of names decide nothing."""
    if isinstance(node, ast.Import | ast.ImportFrom | ast.JoinedStr | ast.alias):
        return True
    return field in ("annotation", "returns", "decorator_list", "bases", "type_params", "ctx")


def _is_doc(node: ast.AST) -> bool:
    """Whether it is a docstring, a list of names or a type."""
    if isinstance(node, ast.Assign):
        names = {getattr(target, "id", "") for target in node.targets}
        return bool(names & {"__all__", "__slots__"}) or _line(node.value).startswith("Literal[")
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _put(holder: ast.AST, field: str, index: int | None, node: ast.AST) -> None:
    if index is None:
        setattr(holder, field, node)
    else:
        getattr(holder, field)[index] = node


def _line(node: ast.AST) -> str:
    """Return code as one line."""
    return " ".join(ast.unparse(node).split())


def _replacements(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(ops=ops):
            for index, op in enumerate(ops):
                for other in _OPPOSITES.get(type(op), ()):
                    changed = copy.deepcopy(node)
                    changed.ops[index] = other()  # type: ignore[call-overload]
                    yield changed
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(_OPPOSITES[type(op)][0](), values)  # type: ignore[arg-type]
            for index in range(len(values)):
                left = values[:index] + values[index + 1 :]
                yield left[0] if len(left) == 1 else ast.BoolOp(op, left)
        case ast.BinOp(op=op) if type(op) in _OPPOSITES:
            yield ast.BinOp(node.left, _OPPOSITES[type(op)][0](), node.right)  # type: ignore[arg-type]
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield node.operand
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(value=str(value)) if " " not in value:
            # Words with a space between them are a message.
            yield ast.Constant(value + "_x")
        case ast.Call(func=ast.Name(id=name)) if name in _SWAPPED_CALLS:
            yield ast.Call(ast.Name(_SWAPPED_CALLS[name]), node.args, node.keywords)
        case ast.Call(func=ast.Name(id="sorted"), args=[given, *_]):
            yield ast.Call(ast.Name("list"), [given], [])
        case ast.Dict(keys=[None, None], values=[first, second]):
            yield ast.Dict([None, None], [second, first])
        case ast.If(test=test) if not isinstance(test, ast.Constant):
            yield ast.If(ast.Constant(True), node.body, node.orelse)
            yield ast.If(ast.Constant(False), node.body, node.orelse)
        case ast.IfExp():
            yield node.body
            yield node.orelse
        case ast.comprehension(ifs=[_, *_]):
            yield ast.comprehension(node.target, node.iter, [], node.is_async)
        case ast.Return(value=value) if value is not None and not _is_none(value):
            yield ast.Return(ast.Constant(None))
        case _ if isinstance(node, _DELETED):
            yield ast.Pass()


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


__all__ = ["HERE", "ROOT", "Mutant", "Target", "equivalent", "mutants_of", "targets"]
