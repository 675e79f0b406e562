"""Make a manifest of an OpenAPI 3.0 or 3.1 document: one tool an operation, over HTTP.

A reference is followed inside the document only. An operation that `live: {kind: http}` cannot call
is left out, and it is said why.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from agentctl.core.canonical import Json
from agentctl.core.errors import problem
from agentctl.toolbox.importing.definitions import (
    Imported,
    clean_description,
    clean_name,
    free_name,
    import_guard,
    require,
    selected,
    unreadable,
    variable,
)
from agentctl.toolbox.importing.openapi_schemas import References, Unusable

METHODS = ("get", "post", "put", "patch", "delete")
"""Those a tool can use; `head`, `options` and `trace` tell nothing that an agent needs."""
_EFFECTS = {"get": "none", "delete": "irreversible"}
"""Everything else writes outside this house."""
_IN_QUERY = ("get", "delete")
"""Methods whose arguments go into the query."""


class _Operation(NamedTuple):
    path: str
    method: str
    spec: Mapping[str, Any]
    parameters: Sequence[Mapping[str, Any]]

    @property
    def title(self) -> str:
        return f"{self.method.upper()} {self.path}"


def import_openapi(document: Json, name: str, pattern: str | None = None) -> Imported:
    """Return a manifest of the operations of a document.

    Args:
        document: The parsed file.
        name: What the server is called here.
        pattern: A glob: which tools are wanted, by name; left out = all.

    Raises:
        Problem: If it is no such document, refers elsewhere, or nothing is left to import.
    """
    version = str(document.get("openapi", "")) if isinstance(document, dict) else ""
    if not version.startswith(("3.0", "3.1")):
        found = f"it says {version}" if version else "it does not say `openapi:`"
        raise problem("not-openapi", f"not an OpenAPI 3.0 or 3.1 document: {found}")
    try:
        return _imported(document, name, pattern)
    except (AttributeError, TypeError, KeyError) as error:
        # The shape of a whole OpenAPI document is not checked before it is read.
        raise problem("not-openapi", "this document does not have the shape of OpenAPI") from error


def _imported(document: Mapping[str, Any], name: str, pattern: str | None) -> Imported:
    references = References(document)
    notes: list[str] = []
    named: dict[str, _Operation] = {}
    for operation in _operations(document, references):
        said = clean_name(str(operation.spec.get("operationId") or ""))
        named[free_name(said or clean_name(operation.title), named)] = operation
    wanted = selected(named, pattern)
    tools = []
    for tool, operation in named.items():
        if tool not in wanted:
            continue
        try:
            tools.append(_tool(tool, name, operation, references, notes))
        except Unusable as why:
            notes.append(f"left out `{tool}` ({operation.title}): {why}")
    require(tools, notes)
    server: dict[str, Json] = {"url": variable(name, "API")}
    auth = _auth(document, name, tools, references, notes)
    if auth is not None:
        server["auth"] = auth
    if auth is None or auth["kind"] != "oauth2":
        for made in tools:
            made.pop("scopes", None)
    address = next((s.get("url") for s in document.get("servers") or [] if s.get("url")), None)
    if address:
        notes.insert(0, f"the document says that the server is at {address}")
    manifest = {"kind": "ToolManifest", "servers": {name: server}, "tools": tools}
    return Imported(manifest, notes)


def _operations(document: Mapping[str, Any], references: References) -> Iterator[_Operation]:
    for path, raw in (document.get("paths") or {}).items():
        item = references.followed(raw)
        shared = [references.followed(one) for one in item.get("parameters") or []]
        for method in METHODS:
            spec = item.get(method)
            if isinstance(spec, dict):
                own = [references.followed(one) for one in spec.get("parameters") or []]
                mine = {(one.get("name"), one.get("in")) for one in own}
                kept = [one for one in shared if (one.get("name"), one.get("in")) not in mine]
                yield _Operation(str(path), method, spec, [*kept, *own])


def _tool(
    tool: str, server: str, operation: _Operation, references: References, notes: list[str]
) -> dict[str, Json]:
    spec, method = operation.spec, operation.method
    properties: dict[str, Json] = {}
    required: list[str] = []
    url, headers = operation.path, {}
    if not url.startswith("/"):
        raise Unusable("its path does not begin with `/`")
    for one in operation.parameters:
        said, where = str(one.get("name")), one.get("in")
        must = bool(one.get("required"))
        if where == "header":
            if must:
                headers[said] = variable(server, clean_name(said).upper())
            continue
        if where == "cookie":
            if must:
                raise Unusable(f"it needs the cookie `{said}`")
            continue
        argument, placed = said, where == "path" or method not in _IN_QUERY
        if where == "path":
            argument, must = clean_name(said), True
            url = url.replace(f"{{{said}}}", f"{{{argument}}}")
        elif method not in _IN_QUERY:
            if not must:
                notes.append(f"`{tool}`: the optional `{said}` of the query is left out")
                continue
            argument = clean_name(said)
            url += f"{'&' if '?' in url else '?'}{quote(said, safe='')}={{{argument}}}"
        if argument in properties or (placed and not argument[:1].isalpha()):
            raise Unusable(f"its parameter `{said}` has no name of its own here")
        properties[argument] = _parameter(one, references)
        required += [argument] if must else []
    open_body = False
    if spec.get("requestBody") and method not in _IN_QUERY:
        body = _body(references.followed(spec["requestBody"]), references)
        clash = properties.keys() & (body.get("properties") or {}).keys()
        if clash:
            raise Unusable(f"`{min(clash)}` stands in the body and outside of it")
        properties |= body.get("properties") or {}
        required += [one for one in body.get("required") or [] if one in properties]
        open_body = body.get("additionalProperties", False) is not False
    schema: dict[str, Json] = {"type": "object"}
    if not open_body:
        schema["additionalProperties"] = False
    if required:
        schema["required"] = required
    schema["properties"] = properties
    wrong = unreadable(schema)
    if wrong is not None:
        raise Unusable(wrong)
    # What is read off the method is no word of the document: it must not pass for "get ...".
    bare = f"{operation.path} ({method.upper()})"
    words = clean_description(str(spec.get("summary") or spec.get("description") or ""))
    found: dict[str, Json] = {
        "name": tool,
        "description": words or bare,
        "inputSchema": schema,
        "effect": _EFFECTS.get(method, "external_write"),
        "scopes": _scopes(spec.get("security")),
        "live": {"kind": "http", "server": server, "method": method.upper(), "url": url},
    }
    if headers:
        found["live"]["headers"] = headers
    if not found["scopes"]:
        del found["scopes"]
    return import_guard(found)


def _parameter(one: Mapping[str, Any], references: References) -> dict[str, Json]:
    content = one.get("content")
    schema = one.get("schema") or {}
    if isinstance(content, dict) and content:
        schema = next(iter(content.values())).get("schema") or {}
    cleaned = references.cleaned(schema)
    if one.get("description") and "description" not in cleaned:
        cleaned["description"] = clean_description(str(one["description"]))
    return cleaned


def _body(body: Mapping[str, Any], references: References) -> dict[str, Json]:
    """Return the schema of a JSON body as one object with fields."""
    content = body.get("content") or {}
    media = next((m for kind, m in content.items() if _is_json(kind)), None)
    if media is None:
        if not body.get("required") and not content:
            return {}
        raise Unusable(f"its body is {', '.join(content) or 'nothing'}, and only JSON is sent")
    return references.object_of(media.get("schema") or {})


def _is_json(kind: str) -> bool:
    plain = kind.partition(";")[0].strip().lower()
    return plain == "application/json" or plain.endswith("+json")


def _scopes(security: Any) -> list[str]:
    """Return the scopes that an operation says it needs, of the first way in it names."""
    for way in security or []:
        return sorted({scope for scopes in way.values() for scope in scopes or []})
    return []


def _auth(
    document: Mapping[str, Any],
    name: str,
    tools: Sequence[Mapping[str, Json]],
    references: References,
    notes: list[str],
) -> dict[str, Json] | None:
    """Return how the server lets callers in: by the first of its ways that this house knows."""
    schemes = (document.get("components") or {}).get("securitySchemes") or {}
    first = [key for way in document.get("security") or [] for key in way]
    for key in dict.fromkeys([*first, *schemes]):
        if key in schemes:
            scheme = references.followed(schemes[key])
            found = _known(scheme, name, tools)
            if found is not None:
                return found
            notes.append(f"`{key}` lets callers in by {_told(scheme)}, which is not supported")
    return None


def _known(
    scheme: Mapping[str, Any], name: str, tools: Sequence[Mapping[str, Json]]
) -> dict[str, Json] | None:
    match scheme.get("type"), str(scheme.get("scheme", "")).lower(), scheme.get("in"):
        case "http", "bearer", _:
            return {"kind": "bearer", "token": variable(name, "TOKEN")}
        case "http", "basic", _:
            user, password = variable(name, "USER"), variable(name, "PASSWORD")
            return {"kind": "basic", "user": user, "password": password}
        case "apiKey", _, "header":
            token = variable(name, "API_KEY")
            return {"kind": "header", "header": str(scheme.get("name")), "token": token}
        case "oauth2", _, _:
            flow = (scheme.get("flows") or {}).get("clientCredentials")
            if isinstance(flow, dict) and flow.get("tokenUrl"):
                auth: dict[str, Json] = {
                    "kind": "oauth2",
                    "token_url": str(flow["tokenUrl"]),
                    "client_id": variable(name, "CLIENT_ID"),
                    "client_secret": variable(name, "CLIENT_SECRET"),
                }
                scopes = sorted({one for tool in tools for one in tool.get("scopes", ())})
                return {**auth, "scopes": scopes} if scopes else auth
    return None


def _told(scheme: Mapping[str, Any]) -> str:
    return " ".join(str(scheme[key]) for key in ("type", "scheme", "in") if scheme.get(key))


__all__ = ["METHODS", "import_openapi"]
