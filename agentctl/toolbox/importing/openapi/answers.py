"""What an operation returns: the schema of its result, and examples of it."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from agentctl.core.canonical import Json
from agentctl.specs.language.schemas import Schema, SchemaProblem
from agentctl.toolbox.importing.openapi.arguments import is_json
from agentctl.toolbox.importing.openapi.schemas import References, Unusable

MOST_RESULT_PARTS = 120
"""Parts of the schema of a result; what lies deeper than fits is not checked."""


class OperationAnswer(NamedTuple):
    """What is known of an operation's result."""

    schema: dict[str, Json] | None
    examples: tuple[Json, ...]


def operation_answer(responses: Mapping[str, Any], references: References) -> OperationAnswer:
    """Return what the first successful response of an operation says.

    Raises:
        Unusable: If it answers with something else than JSON.
    """
    kinds: list[str] = []
    for response in _successes(responses, references):
        content = response.get("content") or {}
        kinds += content
        kind = next((kind for kind in content if is_json(kind)), None)
        if kind is not None:
            media = content[kind] or {}
            schema = _schema(media.get("schema"), references)
            return OperationAnswer(schema, tuple(_examples(media, references)))
    if kinds:
        raise Unusable(f"its answer is {', '.join(dict.fromkeys(kinds))}, and only JSON is read")
    return OperationAnswer(None, (None,))


def _successes(responses: Mapping[str, Any], references: References) -> Iterator[Mapping[str, Any]]:
    codes = {str(code): one for code, one in responses.items()}
    wanted = sorted(code for code in codes if code[:1] == "2") or ["default"]
    for code in wanted:
        # What a document says wrongly about results does not cost the tool.
        with suppress(Unusable):
            yield references.followed(codes.get(code) or {})


def _schema(schema: Any, references: References) -> dict[str, Json] | None:
    if schema is None:
        return None
    try:
        found = references.cleaned(schema, is_input=False, most=MOST_RESULT_PARTS)
        Schema(found)
    except (Unusable, SchemaProblem):
        return None
    return found or None


def _examples(media: Mapping[str, Any], references: References) -> Iterator[Json]:
    if "example" in media:
        yield media["example"]
    for one in (media.get("examples") or {}).values():
        with suppress(Unusable):
            found = references.followed(one)
            if "value" in found:
                yield found["value"]
    with suppress(Unusable):
        schema = references.followed(media.get("schema") or {})
        if "example" in schema:
            yield schema["example"]


__all__ = ["MOST_RESULT_PARTS", "OperationAnswer", "operation_answer"]
