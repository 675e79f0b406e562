"""A compiled form of a spec model, for data that was validated before.

`pydantic` finds everything that is wrong with a file and explains it. A scenario that comes from
the cache was validated when it was stored: it is decoded into a struct with the fields and defaults
of its model, twenty times faster. Such a struct travels to another process as its JSON text.
"""

import copyreg
from collections.abc import Callable
from datetime import datetime
from functools import cache
from types import GenericAlias, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin

import msgspec
from pydantic import AwareDatetime, BaseModel
from pydantic.fields import FieldInfo

M = TypeVar("M", bound=BaseModel)


def normalised(value: BaseModel) -> bytes:
    """Return a validated model as the JSON that `compiled` reads: long forms, without defaults."""
    return value.model_dump_json(exclude_defaults=True).encode()


@cache
def compiled(model: type[M]) -> Callable[[bytes], M]:
    """Return what reads the normalised JSON of a model.

    The result has the fields of the model without being an instance of it: it is frozen, compares
    by value, and can be neither validated nor dumped.
    """
    return cast(Callable[[bytes], M], msgspec.json.Decoder(_struct(model)).decode)


@cache
def _struct(model: type[BaseModel]) -> type[msgspec.Struct]:
    fields = [_field(name, info) for name, info in model.model_fields.items()]
    made = msgspec.defstruct(
        model.__name__, fields, module=model.__module__, frozen=True, kw_only=True,
        omit_defaults=True,
    )  # fmt: skip
    copyreg.pickle(made, lambda value: (_read, (model, msgspec.json.encode(value))))
    return made


def _read(model: type[M], text: bytes) -> M:
    read: Callable[[bytes], M] = compiled(model)
    return read(text)


def _field(name: str, info: FieldInfo) -> tuple[str, Any] | tuple[str, Any, Any]:
    kind = _kind(info.annotation)
    if info.is_required():
        return name, kind
    if info.default_factory is not None:
        return (
            name,
            kind,
            msgspec.field(default_factory=cast(Callable[[], Any], info.default_factory)),
        )
    return name, kind, msgspec.field(default=info.default)


def _kind(annotation: Any) -> Any:
    """Return a type with structs for models, and without constraints: the data was checked."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _kind(parts[0])
    if origin in (Union, UnionType):
        return Union[tuple(map(_kind, parts))]  # noqa: UP007 - made of a tuple
    if origin is Literal:
        return str
    if origin in (tuple, dict):
        return GenericAlias(origin, tuple(map(_kind, parts)))
    if annotation is AwareDatetime:
        return datetime
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _struct(annotation)
    return annotation


__all__ = ["compiled", "normalised"]
