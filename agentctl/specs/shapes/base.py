"""What every spec model shares: frozen, strict, and closed to unknown fields."""

from collections.abc import Callable, Collection
from contextlib import suppress
from contextvars import ContextVar
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    Strict,
    StringConstraints,
    ValidationError,
    model_validator,
)

from agentctl.core.canonical import Json
from agentctl.core.errors import Problem

T = TypeVar("T")

Many = Annotated[tuple[T, ...], Strict(False)]
"""A YAML list, kept as a tuple (pydantic's strict mode would refuse the list)."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
"""Agents, intents, rules and queues: lower case, digits, `-` and `_`."""
ScenarioId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_./-]{0,127}$")]
"""Scenarios, as other tools name theirs too: letters, digits, `-`, `_`, `.` and `/`."""
ToolName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
"""Dots become `__` at the model's port only."""
Text = Annotated[str, StringConstraints(min_length=1)]
Duration = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,5}(s|m|h|d)$")]
"""`30s`, `15m`, `4h`, `2d`."""
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
ExpressionText = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
"""CEL (https://cel.dev), compiled by `specs.expressions`."""
JsonObject = dict[str, Any]
JsonSchema = dict[str, Any]
"""JSON Schema 2020-12, compiled by `specs.schemas`."""


def duration(text: str) -> timedelta:
    """Read a `Duration`.

    >>> duration("30m")
    datetime.timedelta(seconds=1800)
    """
    return timedelta(**{_UNITS[text[-1]]: int(text[:-1])})


def _exact(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError("expected an amount such as 0.25")
    return str(value)


Dollars = Annotated[
    Decimal, Strict(False), BeforeValidator(_exact, json_schema_input_type=float), Field(ge=0)
]
"""US dollars, exact: 0.1 is one tenth."""


class Spec(BaseModel):
    """A part of a YAML file."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, populate_by_name=True
    )


_EXPANDED: ContextVar[frozenset[type]] = ContextVar("expanded", default=frozenset())
"""Families whose JSON Schema is being made."""


class Family(Spec):
    """A part whose `kind` says which fields it has: one model for each kind.

    The head of a family is used as the type of a field; its members name their `kind`. Each is
    built when it is first used.
    """

    model_config = ConfigDict(defer_build=True)

    kind: str

    @classmethod
    def kinds(cls) -> Collection[str]:
        """Return the names of the members."""
        raise NotImplementedError

    @classmethod
    def member(cls, kind: str) -> type[Self] | None:
        """Return the model of a kind; `None` where there is no such kind."""
        raise NotImplementedError

    @classmethod
    def members(cls) -> list[type[Self]]:
        """Return the model of every kind, but for those of packages that cannot be loaded."""
        found: list[type[Self]] = []
        for kind in cls.kinds():
            with suppress(Problem):
                found += filter(None, [cls.member(kind)])
        return found

    @classmethod
    def is_head(cls) -> bool:
        """Whether this stands for the whole family."""
        return cls.model_fields["kind"].annotation is str

    @model_validator(mode="wrap")
    @classmethod
    def _of_its_kind(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        if not cls.is_head() or not isinstance(data, dict):
            return handler(data)
        kind = data.get("kind")
        model = cls.member(kind) if isinstance(kind, str) else None
        if model is None:
            known = ", ".join(f"'{name}'" for name in cls.kinds())
            wrong: Any = {"type": "missing", "loc": ("kind",), "input": kind}
            if "kind" in data:
                wrong |= {"type": "literal_error", "ctx": {"expected": known}}
            raise ValidationError.from_exception_data(cls.__name__, [wrong])
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        for name, field in fields.items():
            if field.is_required() and name not in data:
                raise ValueError(f"`kind: {kind}` needs `{name}`")
        for name in data:
            if name not in fields and any(name in other.model_fields for other in cls.members()):
                raise ValueError(f"`{name}` does not go with `kind: {kind}`")
        return model.model_validate(data)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: Any, handler: GetJsonSchemaHandler) -> Any:
        """Return the schema of a member, or of all of them for the head."""
        if not cls.is_head():
            return handler(core)
        if cls in _EXPANDED.get():
            # A member that holds the family again, which pydantic would expand for ever.
            return {"type": "object", "required": ["kind"]}
        outside = _EXPANDED.set(_EXPANDED.get() | {cls})
        try:
            return {"oneOf": [handler(model.__pydantic_core_schema__) for model in cls.members()]}
        finally:
            _EXPANDED.reset(outside)


class Document(Spec):
    """A whole YAML file."""

    api_version: Literal["agentctl/v1"] = Field(default="agentctl/v1", alias="apiVersion")


def short_form(expand: Callable[[Any], Any], also: Any) -> BeforeValidator:
    """Let a field be written in a shorter way; `also` is the type of that way, for editors."""
    return BeforeValidator(expand, json_schema_input_type=also)


def short_model(short: dict[str, Any]) -> ConfigDict:
    """Let editors know a shorter way to write a whole model, which its validator expands."""

    def add(schema: dict[str, Any]) -> None:
        long = dict(schema)
        schema.clear()
        schema["anyOf"] = [short, long]

    return ConfigDict(json_schema_extra=add)


def one_call(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of `{get_order: {order_id: o_1}}`."""
    return {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "propertyNames": {"not": {"const": "tool"}},
        "additionalProperties": arguments,
    }


def exactly_one(model: Spec, names: tuple[str, ...]) -> str:
    """Return which of the fields `names` is set.

    Raises:
        ValueError: If none or several are.
    """
    given = [name for name in names if getattr(model, name) is not None]
    if len(given) != 1:
        shown = [type(model).model_fields[name].alias or name for name in names]
        found = "none is given" if not given else f"found {' and '.join(given)}"
        raise ValueError(f"give exactly one of {', '.join(shown)}; {found}")
    return given[0]


__all__ = [
    "Document",
    "Dollars",
    "Duration",
    "ExpressionText",
    "Family",
    "Json",
    "JsonObject",
    "JsonSchema",
    "Many",
    "Name",
    "ScenarioId",
    "Spec",
    "Text",
    "ToolName",
    "duration",
    "exactly_one",
    "one_call",
    "short_form",
    "short_model",
]
