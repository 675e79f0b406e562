"""Make the arguments of a tool of an operation's parameters and body, and say where each goes."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from agentctl.core.canonical import Json
from agentctl.toolbox.importing.definitions import clean_description, clean_name, variable
from agentctl.toolbox.importing.openapi.schemas import References, Unusable

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_IN_PATH = re.compile(r"\{([^{}]+)\}")
_IGNORED_HEADERS = frozenset({"accept", "authorization", "content-type"})
"""OpenAPI says so: they are said elsewhere in a document."""
_IDEMPOTENCY = frozenset({"idempotency-key", "x-idempotency-key"})
_STYLES: Mapping[str, frozenset[str]] = {
    "path": frozenset({"label", "matrix"}),
    "query": frozenset({"spaceDelimited", "pipeDelimited", "deepObject"}),
    "field": frozenset({"spaceDelimited", "pipeDelimited", "deepObject"}),
    "header": frozenset(),
}
"""Beside the one that a place has by default."""
_CONTENTS = {"application/x-www-form-urlencoded": "form", "multipart/form-data": "multipart",
             "text/plain": "text"}  # fmt: skip


class ArgumentList:
    """The arguments of one tool, collected part by part.

    Args:
        server: What the server is called, for the names of variables.
        method: The method in small letters.
        path: The operation's path.
        references: The document's.
    """

    def __init__(self, server: str, method: str, path: str, references: References) -> None:
        if not path.startswith("/"):
            raise Unusable("its path does not begin with `/`")
        self._server = server
        self._method = method
        self._references = references
        self._url = path
        self._headers: dict[str, Json] = {}
        self._parameters: dict[str, dict[str, Json]] = {}
        self._live: dict[str, Json] = {}
        self._open = False
        self.properties: dict[str, Json] = {}
        self.required: list[str] = []
        self.notes: list[str] = []
        """What is left out, and why."""

    def schema(self) -> dict[str, Json]:
        """Return the schema of the arguments."""
        schema: dict[str, Json] = {"type": "object"}
        if not self._open:
            schema["additionalProperties"] = False
        if self.required:
            schema["required"] = self.required
        return {**schema, "properties": self.properties}

    def live(self) -> dict[str, Json]:
        """Return the part of `live:` that places the arguments."""
        found: dict[str, Json] = {"method": self._method.upper(), "url": self._url}
        for key, value in (("headers", self._headers), ("parameters", self._parameters)):
            if value:
                found[key] = value
        return {**found, **self._live}

    def add_parameters(self, declared: Sequence[Mapping[str, Any]]) -> None:
        """Add parameters of path, query, header and cookie."""
        for one in declared:
            name, where = str(one.get("name")), one.get("in")
            match where:
                case "path" if f"{{{name}}}" in self._url:
                    self._add_path(name, one)
                case "query":
                    self._add(name, "query", one, required=one.get("required") is True)
                case "header" if name.lower() not in _IGNORED_HEADERS:
                    self._add_header(name, one)
                case "cookie" if one.get("required") is True:
                    value = variable(self._server, clean_name(name).upper())
                    known = self._headers.get("Cookie")
                    self._headers["Cookie"] = f"{f'{known}; ' if known else ''}{name}={value}"
                case "cookie":
                    self.notes.append(f"the optional cookie `{name}` is left out")
        for name in _IN_PATH.findall(self._url):
            if name not in self.properties:
                self._add_path(name, {"schema": {"type": "string"}})

    def add_body(self, body: Mapping[str, Any]) -> None:
        """Add the fields of a body, or the body as one argument.

        Raises:
            Unusable: If it must be sent, and cannot be.
        """
        content = body.get("content") or {}
        if not content:
            return
        if self._method == "get":
            self.notes.append("the body of a GET is left out")
            return
        kind, written = _sendable(content)
        if kind is None:
            raise Unusable(f"its body is {', '.join(content)}, which is not sent")
        media = content[kind] or {}
        if written != "json":
            self._live["content"] = written
        elif kind.partition(";")[0].strip().lower() != "application/json" and "*" not in kind:
            self._headers["Content-Type"] = kind
        schema = media.get("schema") or {}
        fields = self._references.object_of(schema) if written != "text" else None
        if fields is None:
            whole = {"schema": schema, "description": body.get("description")}
            self._add("body", "body", whole, required=body.get("required") is True)
            return
        self._open = fields.get("additionalProperties", False) is not False
        encoding = media.get("encoding") or {}
        for name, field in fields["properties"].items():
            said = encoding.get(name) or {}
            shown = {**said, "schema": field} if written == "form" else {"schema": field}
            self._add(name, "field", shown, required=name in fields["required"], plain=True)

    def _add_path(self, name: str, one: Mapping[str, Any]) -> None:
        argument = self._add(name, "path", one, required=True)
        self._url = self._url.replace(f"{{{name}}}", f"{{{argument}}}")

    def _add_header(self, name: str, one: Mapping[str, Any]) -> None:
        if name.lower() in _IDEMPOTENCY:
            self._live["idempotency_header"] = name
        elif one.get("required") is True:
            # The same for every call, as a tenant or a version is: not the model's to choose.
            self._headers[name] = variable(self._server, clean_name(name).upper())
        else:
            self._add(name, "header", one, required=False)

    def _add(
        self, name: str, place: str, one: Mapping[str, Any], *, required: bool, plain: bool = False
    ) -> str:
        """Add one argument; return what it is called."""
        style, schema = one.get("style"), one.get("schema") or {}
        content = one.get("content")
        if isinstance(content, dict) and content:
            schema, style = next(iter(content.values())).get("schema") or {}, "json"
        cleaned = schema if plain else self._references.cleaned(schema)
        if one.get("description") and "description" not in cleaned:
            cleaned["description"] = clean_description(str(one["description"]))
        argument = self._free_name(name, place)
        self.properties[argument] = cleaned
        if required:
            self.required.append(argument)
        where: dict[str, Json] = {} if place == self._usual(place) else {"in": place}
        if argument != name and place != "body":
            where["name"] = name
        if style == "json" or style in _STYLES.get(place, ()):
            where["style"] = style
        explode = one.get("explode")
        if isinstance(explode, bool) and explode is not _explodes(place, str(style)):
            where["explode"] = explode
        if where and (place != "path" or where.keys() - {"name"}):
            self._parameters[argument] = {"in": place, **where}
        return argument

    def _usual(self, place: str) -> str | None:
        """Return the place where an argument goes that nothing is said about."""
        if place == "path":
            return "path"
        return "query" if self._method in ("get", "delete") else "field"

    def _free_name(self, name: str, place: str) -> str:
        wanted = name if _NAME.fullmatch(name) else clean_name(name)
        if not wanted[:1].isalpha():
            wanted = f"{place}_{wanted}"[:64].rstrip("_")
        number, free = 1, wanted
        while free in self.properties:
            free = f"{place}_{wanted}"[:60] + (f"_{number}" if number > 1 else "")
            number += 1
        return free


def _explodes(place: str, style: str) -> bool:
    """Whether a style explodes where nothing else is said; as `HttpParameter` has it."""
    return place in ("query", "field") and style not in ("spaceDelimited", "pipeDelimited")


def _sendable(content: Mapping[str, Any]) -> tuple[str | None, str]:
    """Return the media type that is sent, JSON before others, and how it is written."""
    for kind in content:
        if is_json(kind):
            return kind, "json"
    for kind in content:
        written = _CONTENTS.get(kind.partition(";")[0].strip().lower())
        if written is not None:
            return kind, written
    return None, ""


def is_json(kind: str) -> bool:
    """Whether a media type is JSON, or any type."""
    plain = kind.partition(";")[0].strip().lower()
    return plain in ("application/json", "*/*", "application/*", "text/json") or plain.endswith(
        "+json"
    )


__all__ = ["ArgumentList", "is_json"]
