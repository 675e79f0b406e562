"""The shape of a tool manifest: `tools/*.yaml`.

A tool is a superset of an MCP `Tool` (name, title, description, inputSchema, outputSchema,
annotations); the rest says what it does to the world and who may see what it returns.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, SerializeAsAny, model_validator

from agentctl.core.messages import EffectKind, ToolErrorKind
from agentctl.specs.shapes.base import (
    Document,
    Dollars,
    Duration,
    ExpressionText,
    Json,
    JsonObject,
    JsonSchema,
    Many,
    Name,
    Spec,
    Text,
    ToolName,
    exactly_one,
    short_form,
)
from agentctl.specs.shapes.live import Live, Server

Risk = Literal[
    "moves_money", "deletes", "cancels", "changes_account", "sends_to_many", "commits_legally"
]
"""What a call can do that is hard to take back, whatever its `effect`."""


class Compare(Spec):
    """How the final state of a table is compared in an evaluation."""

    ignore_case: bool = False
    exact: Many[Text] = ()
    """Fields that `ignore_case` leaves alone."""


class TableSpec(Spec):
    """A table of the mock world."""

    key: Text
    """The field that identifies a record."""
    ordered: bool = False
    """Whether the order of records is part of the state."""
    compare: Compare = Compare()


class Annotations(Spec):
    """MCP tool annotations: hints for people; the authorizer goes by `effect`."""

    read_only: bool | None = Field(default=None, alias="readOnlyHint")
    destructive: bool | None = Field(default=None, alias="destructiveHint")
    idempotent: bool | None = Field(default=None, alias="idempotentHint")
    open_world: bool | None = Field(default=None, alias="openWorldHint")


class TargetSpec(Spec):
    """The record a call acts on: `visible_when` must hold for it before the call runs."""

    table: Name
    key: ExpressionText
    """CEL over `args`: the record's key, such as `args.order_id`."""


class Records(Spec):
    """The records a result holds: filtered by `visible_when`, then remembered as `seen`."""

    table: Name
    path: Text = "$"
    """`$` for the result itself (a record or a list of records), `$.items` for a field of it."""


class Idempotency(Spec):
    """What makes two calls the same effect."""

    key: Many[Text]
    """Argument names."""
    within: Duration = "24h"
    """For so long after it happened, the same effect of another run is refused."""


class Reconcile(Spec):
    """How to find out whether an effect happened: a call that only reads."""

    tool: ToolName
    args: JsonObject = {}
    """Its arguments; a string that begins with `=` is CEL over `args`, those of the effect."""
    done_when: ExpressionText
    """CEL over `result` and `args`: it happened."""


class Retry(Spec):
    """Which failures are tried again. Writes are repeated only under an idempotency key."""

    errors: Many[Literal["timeout", "unavailable", "rate_limited"]] = ("timeout", "unavailable")
    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    """All attempts, the first included."""


class Requirement(Spec):
    """A condition of the mocked system, and the error it answers with when it does not hold."""

    that: ExpressionText
    """CEL over `record`, `args`, `principal`, `now`."""
    otherwise: "Failure" = Field(alias="else")


class Failure(Spec):
    """An error a mocked tool answers with."""

    error: ToolErrorKind
    message: Text


class MockReply(Spec):
    """A scripted answer, given when the arguments match."""

    args: JsonObject = {}
    """Matchers by argument; left out = any arguments."""
    value: Json = Field(default=None, alias="return")
    fails: Failure | None = None


class Mock(Spec):
    """How a tool behaves in the mock world: one operation on a table, replies, or a function.

    Strings in `set`, `record` and `return` that begin with `=` are CEL over `record`, `args`,
    `principal` and `now`; all else is literal.
    """

    get: Name | None = None
    """Return one record of this table."""
    find: Name | None = None
    """Return the records of this table for which `where` holds."""
    insert: Name | None = None
    """Add `record` to this table; a missing key becomes `<table>_<n>`."""
    update: Name | None = None
    """Change the fields in `set` of one record of this table."""
    delete: Name | None = None
    """Remove one record of this table."""
    replies: Many[MockReply] | None = None
    """The first whose `args` match answers."""
    python: Text | None = None
    """`file.py:function`, beside the manifest: called with (world, args, principal, now)."""
    key: ExpressionText | None = None
    """CEL for the key of the record; left out = the argument named like the table's key."""
    where: ExpressionText | None = None
    order_by: Text | None = None
    """Field, with `-` before it for descending."""
    limit: Annotated[int, Field(ge=1)] | None = None
    require: Many[Requirement] = ()
    set: JsonObject = {}
    record: JsonObject = {}
    value: Json = Field(default=None, alias="return")
    """What the call returns; left out = the record or the records."""
    latency_s: Annotated[float, Field(ge=0)] = 0.0
    """Virtual seconds that one call takes."""

    @model_validator(mode="after")
    def _one(self) -> "Mock":
        operation = exactly_one(
            self, ("get", "find", "insert", "update", "delete", "replies", "python")
        )
        for name, fits in (
            ("where", ("find",)),
            ("order_by", ("find",)),
            ("limit", ("find",)),
            ("set", ("update",)),
            ("record", ("insert",)),
            ("key", ("get", "update", "delete")),
        ):
            if getattr(self, name) and operation not in fits:
                raise ValueError(f"`{name}` goes with {' or '.join(fits)}, not with {operation}")
        return self


class ToolCost(Spec):
    """What a call costs, as its provider bills it."""

    usd: Dollars
    """US dollars for one call; each attempt counts."""


class ToolSpec(Spec):
    """One tool."""

    name: ToolName
    title: Text | None = None
    description: Text
    input_schema: JsonSchema = Field(default={"type": "object"}, alias="inputSchema")
    output_schema: JsonSchema | None = Field(default=None, alias="outputSchema")
    unchecked: Many[Text] = ()
    """What the source of an imported tool demands and no schema here can say: arguments and
    results are not held against it."""
    reviewed: bool = False
    """Whether a person has looked at `unchecked` and accepts it."""
    annotations: Annotations = Annotations()
    effect: EffectKind
    scopes: Many[Text] = ()
    """The role must hold all of them."""
    bind: dict[str, Text] = {}
    """Arguments taken out of the model's hands and filled from the principal:
    `customer_id: principal.id`."""
    target: TargetSpec | None = None
    records: Records | None = None
    visible_when: ExpressionText | None = None
    """CEL over `record` and `principal`."""
    trust: Literal["trusted", "untrusted"] = "trusted"
    """`untrusted`: what it returns may hold instructions of strangers."""
    idempotency: Idempotency | None = None
    retry: Retry | None = None
    cost: ToolCost | None = None
    """Left out = free."""
    reconcile: Reconcile | None = None
    """For an effect whose answer was lost."""
    draft: ToolName | None = None
    """The tool that saves a draft instead, for a rule that says `draft`."""
    risk: Many[Risk] | None = None
    """What a call can do that needs a person, a draft or a condition in the policy; `[]` says that
    it does none of it, where its name or description sounds as if it did."""
    accept_risk: Text | None = None
    """Why this tool may do so without any of them, or may write without an idempotency key."""
    live: SerializeAsAny[Live] | None = None
    mock: Mock | None = None


def tables_of(tool: ToolSpec) -> tuple[str, ...]:
    """Return the tables whose records a tool may return, the one it says first.

    That is where `records:` says, else the one its mock works on, else that of its target.
    """
    found = [tool.records.table] if tool.records else []
    if tool.mock is not None:
        mock = tool.mock
        named = (mock.get, mock.find, mock.insert, mock.update, mock.delete)
        found += [table for table in named if table is not None]
    if tool.target is not None:
        found.append(tool.target.table)
    return tuple(dict.fromkeys(found))


def _keys(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {k: {"key": v} if isinstance(v, str) else v for k, v in value.items()}


class ToolManifest(Document):
    """Tools that belong together, and the tables of the mock world they share."""

    kind: Literal["ToolManifest"] = "ToolManifest"
    description: Text | None = None
    owner: Text | None = None
    tables: Annotated[dict[Name, TableSpec], short_form(_keys, dict[str, TableSpec | str])] = {}
    servers: dict[Name, Server] = {}
    """Real systems that several tools share."""
    tools: Many[ToolSpec]


__all__ = [
    "Annotations",
    "Compare",
    "Failure",
    "Idempotency",
    "Mock",
    "MockReply",
    "Reconcile",
    "Records",
    "Requirement",
    "Retry",
    "Risk",
    "TableSpec",
    "TargetSpec",
    "ToolCost",
    "ToolManifest",
    "ToolSpec",
    "tables_of",
]
