"""Match the tool calls that ran against the calls a scenario expects.

Each expected call is paired with at most one actual call, and the pairing that satisfies the most
expectations wins, then the one with the most right arguments. The order in either file plays no
part unless the scenario asks for it. Extra reads are free, extra writes never are. Nothing here
knows about YAML, worlds or terminals.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

from agentctl.core.assignment import assign
from agentctl.core.canonical import Json, same_value
from agentctl.evals.scorers.reasons import MISSING, FailureReason, shown_call, shown_value
from agentctl.specs.language.matchers import ABSENT, value_differences
from agentctl.specs.shapes.golden import ExpectedCall

Order = Literal["any", "in_order", "exact"]
Defaults = Mapping[str, Mapping[str, Json]]
"""Tool -> argument -> the default its schema declares."""

_FULL = 10**10
"""Worth of a satisfied expectation: more than all partial pairs of a scenario together."""
_SHARE = 10**6
"""Worth of all arguments of a call that is not satisfied."""
_NONE: Mapping[str, Json] = {}
_MAY_HAVE_HAPPENED = frozenset({"succeeded", "unverified", "in_doubt"})
"""States of an effect that took place, or may have, although the call came back with an error."""
_PLAIN = (str, type(None))
_ABSENT = {ABSENT: True}


class ActualCall(Protocol):
    """A call that ran, as the trace folds it."""

    @property
    def tool(self) -> str: ...
    @property
    def arguments(self) -> Json: ...
    @property
    def bound(self) -> Sequence[str]: ...
    @property
    def effect(self) -> str: ...
    @property
    def ok(self) -> bool: ...
    @property
    def error(self) -> Json: ...
    @property
    def state(self) -> str | None: ...


class MatchedPair(NamedTuple):
    """How well one actual call satisfies one expected call of the same tool."""

    full: bool
    right: int
    """Arguments that are as expected."""
    total: int
    """Arguments listed, and unlisted ones that should not be there."""
    reasons: tuple[FailureReason, ...]

    @property
    def share(self) -> float:
        """Right arguments by all, 1 for a call without arguments."""
        return self.right / self.total if self.total else 1.0

    @property
    def weight(self) -> int:
        """What the pair is worth to the assignment; always positive."""
        return _FULL if self.full else 1 + int(_SHARE * self.share)


class Matching(NamedTuple):
    """What came of comparing the calls of one trial."""

    reasons: tuple[FailureReason, ...]
    """Empty exactly when the calls are as expected."""
    notes: tuple[FailureReason, ...]
    """Reported, never counted: writes that failed."""
    expected: int
    matched: int
    scored: int
    """Actual calls that were scored: paired ones and extra ones that count."""
    argument_sum: float
    """Sum over the expected calls of the share of right arguments; 0 for a missing call."""

    @property
    def ok(self) -> bool:
        """Whether the calls are as expected."""
        return not self.reasons


def match_calls(
    expected: Sequence[ExpectedCall],
    actual: Sequence[ActualCall],
    *,
    order: Order = "any",
    defaults: Defaults = _NONE,
) -> Matching:
    """Compare the calls that ran with one list of expected ones.

    Args:
        expected: What should have run.
        actual: What ran, in order; refused calls are not among them.
        order: `any`; `in_order`: expected calls in this order, others may stand between; `exact`:
            these calls and no others, reads included.
        defaults: What an argument is when nobody gives it.
    """
    partners = _straight(expected, actual, defaults)
    if partners is None:
        return _compare_lists(expected, actual, order, _table(expected, actual, defaults))
    taken = set(partners)
    extra, notes = _extras([c for n, c in enumerate(actual) if n not in taken], order)
    size = len(expected)
    return Matching(tuple(extra), tuple(notes), size, size, size + len(extra), float(size))


def match_any_of(
    paths: Sequence[Sequence[ExpectedCall]],
    actual: Sequence[ActualCall],
    *,
    order: Order = "any",
    defaults: Defaults = _NONE,
) -> Matching:
    """Compare the calls that ran with each acceptable path, and return the best.

    Raises:
        ValueError: If there is no path.
    """
    found = [match_calls(path, actual, order=order, defaults=defaults) for path in paths]
    return min(found, key=_distance)


def _distance(found: Matching) -> tuple[int, float]:
    missed = found.expected - found.argument_sum
    return len(found.reasons), missed / found.expected if found.expected else 0.0


def compare(expected: ExpectedCall, call: ActualCall, defaults: Defaults = _NONE) -> MatchedPair:
    """Compare one expected with one actual call of the same tool.

    Listed arguments must match; one not listed must be absent or equal its schema's default.
    Bound arguments count only where they are listed.
    """
    given = call.arguments
    if not isinstance(given, dict):
        message = f"{call.tool}: the arguments are not an object: {shown_value(given)}"
        wrong = FailureReason(
            "wrong-argument", message, None, shown_value(expected.args), shown_value(given)
        )
        return MatchedPair(False, 0, 1, (wrong,))
    own = defaults.get(call.tool, _NONE)
    reasons: list[FailureReason] = []
    right = 0
    for name, want in expected.args.items():
        found = _argument(call.tool, name, want, given.get(name, own.get(name, MISSING)))
        right += not found
        reasons += found
    total = len(expected.args)
    for name, value in given.items():
        if name in expected.args or name in call.bound:
            continue
        if name in own and same_value(own[name], value):
            continue
        total += 1
        reasons.append(_wrong(call.tool, name, MISSING, value))
    if call.ok == expected.fails:
        said = "it succeeded" if call.ok else f"it came back with {_error_text(call.error)}"
        should = "fail" if expected.fails else "succeed"
        message = f"{shown_call(call.tool, given)} should {should}; {said}"
        reasons.append(FailureReason("wrong-outcome", message))
    return MatchedPair(not reasons, right, total, tuple(reasons))


def _argument(tool: str, name: str, want: Json, got: object) -> list[FailureReason]:
    if type(want) is str and want == got:
        return []
    if got is MISSING:
        # Other matchers could hold for nothing (`not: x`); a listed argument must be given.
        return [] if _may_be_absent(want) else [_wrong(tool, name, want, MISSING)]
    found = value_differences(want, got, name, exact=True)
    return [
        _wrong(tool, path, MISSING if expected == _ABSENT else expected, _got(value, missing))
        for path, expected, value, missing in sorted(found, key=lambda wrong: wrong.path)
    ]


def _got(value: Json, missing: bool) -> object:
    return MISSING if missing else value


def _may_be_absent(want: Json) -> bool:
    match want:
        case {"absent": True} | {"present": False}:
            return len(want) == 1
        case {"any_of": list(parts)}:
            return len(want) == 1 and any(map(_may_be_absent, parts))
        case {"all_of": list(parts)}:
            return len(want) == 1 and all(map(_may_be_absent, parts))
        case _:
            return False


def _wrong(tool: str, path: str, expected: object, got: object) -> FailureReason:
    want, have = shown_value(expected), shown_value(got)
    message = f"{tool}: `{path}`: expected {want}, got {have}"
    return FailureReason("wrong-argument", message, path, want, have)


def _error_text(error: Json) -> str:
    if isinstance(error, dict):
        return f"{error.get('error', 'an error')}: {error.get('message', '')}".rstrip(": ")
    return str(error) if error else "an error"


def _straight(
    expected: Sequence[ExpectedCall], actual: Sequence[ActualCall], defaults: Defaults
) -> list[int] | None:
    """Pair in order without searching: what nearly every passing trial allows."""
    partners: list[int] = []
    position = 0
    for want in expected:
        while position < len(actual):
            call = actual[position]
            if call.tool == want.tool and (_same(want, call) or compare(want, call, defaults).full):
                break
            position += 1
        else:
            return None
        partners.append(position)
        position += 1
    return partners


def _same(want: ExpectedCall, call: ActualCall) -> bool:
    """Whether a call that worked has exactly the listed arguments, all of them plain text.

    Anything else may still match; for text and null alone, Python's equality is JSON's.
    """
    if want.fails or not call.ok or call.arguments != want.args:
        return False
    return all(isinstance(value, _PLAIN) for value in want.args.values())


def _table(
    expected: Sequence[ExpectedCall], actual: Sequence[ActualCall], defaults: Defaults
) -> list[list[MatchedPair | None]]:
    return [
        [compare(want, call, defaults) if call.tool == want.tool else None for call in actual]
        for want in expected
    ]


def _compare_lists(
    expected: Sequence[ExpectedCall],
    actual: Sequence[ActualCall],
    order: Order,
    table: list[list[MatchedPair | None]],
) -> Matching:
    weights = [[pair.weight if pair else 0 for pair in row] for row in table]
    pairs = assign(weights) if order == "any" else _in_sequence(weights, len(actual))
    partner = dict(pairs)
    taken = set(partner.values())
    displaced = _displaced(table, partner, taken)
    taken |= set(displaced.values())
    reasons: list[FailureReason] = []
    matched, arguments = 0, 0.0
    for row, want in enumerate(expected):
        if row in partner:
            pair = table[row][partner[row]]
            assert pair is not None  # only calls of the same tool are paired
            matched += pair.full
            arguments += pair.share
            reasons += pair.reasons
        elif row in displaced:
            arguments += 1.0
            call = shown_call(want.tool, want.args)
            reasons.append(FailureReason("out-of-order", f"out of order: {call}"))
        else:
            fails = " (which should fail)" if want.fails else ""
            call = shown_call(want.tool, want.args)
            reasons.append(FailureReason("missing-call", f"missing: {call}{fails}"))
    extra, notes = _extras([c for n, c in enumerate(actual) if n not in taken], order)
    return Matching(
        (*reasons, *extra),
        tuple(notes),
        len(expected),
        matched,
        len(taken) + len(extra),
        arguments,
    )


def _in_sequence(weights: list[list[int]], columns: int) -> list[tuple[int, int]]:
    """Return the heaviest pairs that keep both orders: a weighted longest common subsequence."""
    rows = len(weights)
    best = [[0] * (columns + 1) for _ in range(rows + 1)]
    for row in range(rows - 1, -1, -1):
        for column in range(columns - 1, -1, -1):
            paired = weights[row][column] + best[row + 1][column + 1]
            best[row][column] = max(paired, best[row + 1][column], best[row][column + 1])
    pairs = []
    row = column = 0
    while row < rows and column < columns:
        here = weights[row][column]
        if here and best[row][column] == here + best[row + 1][column + 1]:
            pairs.append((row, column))
            row, column = row + 1, column + 1
        elif best[row][column] == best[row + 1][column]:
            row += 1
        else:
            column += 1
    return pairs


def _displaced(
    table: list[list[MatchedPair | None]], partner: Mapping[int, int], taken: set[int]
) -> dict[int, int]:
    """Pair what the sequence left over with calls that would satisfy it at another place."""
    rows = [row for row in range(len(table)) if row not in partner]
    columns = [n for n in range(len(table[0])) if n not in taken]
    weights = [
        [int(pair is not None and pair.full) for pair in (table[row][n] for n in columns)]
        for row in rows
    ]
    return {rows[row]: columns[column] for row, column in assign(weights)}


def may_have_happened(call: ActualCall) -> bool:
    """Whether a call took effect, or may have although it came back with an error."""
    return call.ok or call.state in _MAY_HAVE_HAPPENED


def _extras(
    left: Sequence[ActualCall], order: Order
) -> tuple[list[FailureReason], list[FailureReason]]:
    """Sort unexpected calls into those that count and those that are only reported."""
    extra: list[FailureReason] = []
    notes: list[FailureReason] = []
    for call in left:
        if call.effect == "escalation" or (call.effect == "none" and order != "exact"):
            continue
        text = shown_call(call.tool, call.arguments)
        if order == "exact" or may_have_happened(call):
            extra.append(FailureReason("extra-call", f"extra: {text}"))
        else:
            message = f"failed, so not counted: {text} ({_error_text(call.error)})"
            notes.append(FailureReason("failed-write", message))
    return extra, notes


__all__ = [
    "ActualCall",
    "Defaults",
    "MatchedPair",
    "Matching",
    "Order",
    "compare",
    "match_any_of",
    "match_calls",
    "may_have_happened",
]
