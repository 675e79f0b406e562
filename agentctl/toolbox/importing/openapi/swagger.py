"""Read a Swagger 2.0 document as if it were OpenAPI 3: the same operations, said the newer way.

Schemas stay where they are, since references are followed in the document as it came.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from agentctl.core.canonical import Json
from agentctl.toolbox.importing.openapi.schemas import References, Unusable

_JSON = "application/json"
_NOT_SCHEMA = frozenset({"name", "in", "required", "description", "collectionFormat"})
_FORMATS: Mapping[str, dict[str, Json]] = {
    "multi": {"style": "form", "explode": True},
    "ssv": {"style": "spaceDelimited"},
    "pipes": {"style": "pipeDelimited"},
}
"""`csv`, which is also the default, is no `explode`."""
_FLOWS = {"application": "clientCredentials", "accessCode": "authorizationCode"}


def upgraded(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a Swagger 2.0 document in the shape of OpenAPI 3."""
    references = References(document)
    schemes = {
        key: _scheme(scheme) for key, scheme in (document.get("securityDefinitions") or {}).items()
    }
    return {
        **document,
        "openapi": "3.0.3",
        "servers": _servers(document),
        "components": {"securitySchemes": schemes},
        "paths": {
            path: _item(item, document, references)
            for path, item in (document.get("paths") or {}).items()
        },
    }


def _servers(document: Mapping[str, Any]) -> list[dict[str, Json]]:
    if not document.get("host"):
        return []
    scheme = "https" if "https" in (document.get("schemes") or ["https"]) else "http"
    return [{"url": f"{scheme}://{document['host']}{document.get('basePath') or ''}"}]


def _scheme(scheme: Any) -> Any:
    if not isinstance(scheme, dict):
        return scheme
    if scheme.get("type") == "basic":
        return {"type": "http", "scheme": "basic"}
    if scheme.get("type") != "oauth2":
        return scheme
    flow = _FLOWS.get(str(scheme.get("flow")), str(scheme.get("flow")))
    return {"type": "oauth2", "flows": {flow: {"tokenUrl": scheme.get("tokenUrl")}}}


def _item(item: Any, document: Mapping[str, Any], references: References) -> Any:
    if not isinstance(item, dict):
        return item
    shared = item.get("parameters") or []
    found = {}
    for key, value in item.items():
        if key == "parameters" or not isinstance(value, dict):
            continue
        try:
            found[key] = _operation(value, shared, document, references)
        except (Unusable, AttributeError, TypeError, KeyError) as why:
            found[key] = {**value, "x-unusable": str(why)}
    return found


def _operation(
    spec: Mapping[str, Any],
    shared: Sequence[Any],
    document: Mapping[str, Any],
    references: References,
) -> dict[str, Any]:
    own = [references.followed(one) for one in spec.get("parameters") or []]
    mine = {(one.get("name"), one.get("in")) for one in own}
    inherited = [references.followed(one) for one in shared]
    declared = [*(one for one in inherited if (one.get("name"), one.get("in")) not in mine), *own]
    consumes = spec.get("consumes") or document.get("consumes") or [_JSON]
    produces = spec.get("produces") or document.get("produces") or [_JSON]
    found = {
        **spec,
        "parameters": [_parameter(o) for o in declared if o.get("in") not in ("body", "formData")],
        "responses": {
            code: _response(response, produces, references)
            for code, response in (spec.get("responses") or {}).items()
        },
    }
    body = _body(declared, consumes)
    return {**found, "requestBody": body} if body is not None else found


def _parameter(one: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: one[key] for key in ("name", "in", "required", "description") if key in one}
    return {**kept, "schema": _schema(one), **_form(one)}


def _schema(one: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in one.items() if key not in _NOT_SCHEMA}


def _form(one: Mapping[str, Any]) -> dict[str, Json]:
    if one.get("type") != "array":
        return {}
    return _FORMATS.get(str(one.get("collectionFormat")), {"explode": False})


def _body(declared: Sequence[Mapping[str, Any]], consumes: Sequence[str]) -> dict[str, Any] | None:
    for one in declared:
        if one.get("in") == "body":
            content = {str(kind): {"schema": one.get("schema") or {}} for kind in consumes}
            return {**one, "content": content}
    fields = [one for one in declared if one.get("in") == "formData"]
    if not fields:
        return None
    multipart = "multipart/form-data" in consumes or any(f.get("type") == "file" for f in fields)
    kind = "multipart/form-data" if multipart else "application/x-www-form-urlencoded"
    described = {
        str(one["name"]): {**_schema(one), "description": one.get("description") or ""}
        for one in fields
    }
    schema = {
        "type": "object",
        "properties": described,
        "required": [str(one["name"]) for one in fields if one.get("required") is True],
    }
    encoding = {str(one["name"]): _form(one) for one in fields}
    return {"required": True, "content": {kind: {"schema": schema, "encoding": encoding}}}


def _response(response: Any, produces: Sequence[str], references: References) -> Any:
    try:
        found = references.followed(response)
    except Unusable:
        return {}
    if "schema" not in found:
        return {}
    examples = found.get("examples") or {}
    content: dict[str, Any] = {}
    for kind in map(str, produces):
        content[kind] = {"schema": found["schema"]}
        if kind in examples:
            content[kind]["example"] = examples[kind]
    return {"content": content}


__all__ = ["upgraded"]
