"""Make the request of one call: its arguments put where the manifest says, and nowhere else.

An argument is a value: what a model writes cannot leave its place in a path, a query, a header or a
body. Who calls, and for whom, is added later and cannot be set from here.
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import httpx

from agentctl.core.canonical import Json, canonical_text, digest
from agentctl.specs.language.expressions import ExpressionError, literal_or_expression
from agentctl.specs.language.expressions import Variables as Facts
from agentctl.specs.shapes.live_kinds import HttpLive, HttpParameter
from agentctl.toolbox.http.auth import with_query
from agentctl.toolbox.http.exchange import HttpFailure
from agentctl.toolbox.http.serialising import (
    ParameterForm,
    form_fields,
    header_value,
    path_segment,
    query_pairs,
)
from agentctl.toolbox.port import BackendCall

_ARGUMENT = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_EXPLODED = ("form", "deepObject")
_TYPES = {"json": "application/json", "form": "application/x-www-form-urlencoded",
          "text": "text/plain; charset=utf-8"}  # fmt: skip


class RequestTemplate(NamedTuple):
    """A request without its arguments: variables filled in, expressions compiled."""

    method: str
    url: str
    """`{argument}` still stands in it."""
    headers: httpx.Headers
    parameters: Mapping[str, HttpParameter]
    in_path: frozenset[str]
    content: str
    body: Callable[[Facts], Json] | None


class RequestDraft(NamedTuple):
    """What is sent, but for who sends it and for whom."""

    url: httpx.URL
    headers: httpx.Headers
    content: bytes | None


def request_template(live: HttpLive, url: str, headers: httpx.Headers) -> RequestTemplate:
    """Return what is the same for every call of a tool."""
    body = literal_or_expression(live.body) if live.body is not None else None
    in_path = frozenset(_ARGUMENT.findall(url))
    method = live.method or "GET"
    return RequestTemplate(method, url, headers, live.parameters, in_path, live.content, body)


def draft_request(template: RequestTemplate, call: BackendCall) -> RequestDraft:
    """Return the request of one call.

    Raises:
        HttpFailure: If an argument does not fit.
    """
    headers = httpx.Headers(template.headers)
    pairs: list[str] = []
    fields: dict[str, Json] = {}
    whole: Json = None
    for argument, value in call.args.items():
        parameter = template.parameters.get(argument)
        name = parameter.name if parameter is not None and parameter.name else argument
        match _place(template, argument):
            case "query":
                pairs += query_pairs(_form(name, "form", parameter), value)
            case "header":
                _set_header(headers, name, value, parameter)
            case "field":
                fields[name] = value
            case "body":
                whole = value
    try:
        if template.body is not None:
            fields = template.body({"args": call.args, "principal": call.principal})
        url = httpx.URL(with_query(_filled(template, call.args), "&".join(pairs)))
    except ExpressionError as error:
        message = f"no body can be made of these arguments: {error}"
        raise HttpFailure("invalid", message, sent=False) from error
    except httpx.InvalidURL as error:
        message = "no address can be made of these arguments"
        raise HttpFailure("invalid", message, sent=False) from error
    if not _has_body(template, fields, whole):
        return RequestDraft(url, headers, None)
    kind, content = _content(template, fields if whole is None else whole)
    if template.content != "multipart":
        kind = headers.get("Content-Type", kind)
    headers["Content-Type"] = kind
    return RequestDraft(url, headers, content)


def _place(template: RequestTemplate, argument: str) -> str:
    parameter = template.parameters.get(argument)
    if parameter is not None:
        return parameter.place
    if argument in template.in_path:
        return "path"
    if template.body is not None:
        return "unused"  # its expressions take what they need
    return "query" if template.method in ("GET", "DELETE") else "field"


def _has_body(template: RequestTemplate, fields: Mapping[str, Json], whole: Json) -> bool:
    if template.method in ("GET", "DELETE"):
        return bool(fields) or whole is not None
    if any(parameter.place == "body" for parameter in template.parameters.values()):
        return whole is not None
    return True


def _form(name: str, style: str, parameter: HttpParameter | None) -> ParameterForm:
    """Return the form of an argument, with what its place has by default."""
    style = parameter.style if parameter is not None and parameter.style else style
    explode = parameter.explode if parameter is not None else None
    return ParameterForm(name, style, explode if explode is not None else style in _EXPLODED)


def _set_header(
    headers: httpx.Headers, name: str, value: Json, parameter: HttpParameter | None
) -> None:
    if value is None:
        return
    text = header_value(_form(name, "simple", parameter), value)
    if not (text.isascii() and text.isprintable()):
        message = f"the header `{name}` cannot carry this value: only printable ASCII"
        raise HttpFailure("invalid", message, sent=False)
    headers[name] = text.strip()


def _content(template: RequestTemplate, value: Json) -> tuple[str, bytes]:
    """Return the type and the bytes of a body."""
    if template.content == "json":
        return _TYPES["json"], canonical_text(value).encode()
    if template.content == "text":
        text = value if isinstance(value, str) else canonical_text(value)
        return _TYPES["text"], text.encode()
    if not isinstance(value, dict):
        raise HttpFailure("invalid", "a form has fields, and this is none", sent=False)
    forms = _field_forms(template)
    if template.content == "form":
        pairs = [
            pair
            for name, item in value.items()
            for pair in query_pairs(forms.get(name) or _form(name, "form", None), item)
        ]
        # The comma between items is reserved in a form; within one it is escaped already.
        return _TYPES["form"], "&".join(pairs).replace(",", "%2C").encode()
    parts = [
        part
        for name, item in value.items()
        for part in form_fields(forms.get(name) or _form(name, "form", None), item)
    ]
    # Derived from the parts, so that none of them can contain it by chance or on purpose.
    kind = f"multipart/form-data; boundary=agentctl-{digest(parts)[:32]}"
    files = [(name, (None, text.encode())) for name, text in parts]
    request = httpx.Request("POST", "http://-", headers={"Content-Type": kind}, files=files)
    return kind, request.read()


def _field_forms(template: RequestTemplate) -> dict[str, ParameterForm]:
    """Return the form of each field of the body, by the name the system knows it by."""
    return {
        (parameter.name or argument): _form(parameter.name or argument, "form", parameter)
        for argument, parameter in template.parameters.items()
        if parameter.place == "field"
    }


def _filled(template: RequestTemplate, arguments: Mapping[str, Json]) -> str:
    """Return the address, filled with arguments that are escaped."""

    def value(match: re.Match[str]) -> str:
        name, given = match[1], arguments.get(match[1])
        if given is None or given in ("", [], {}):
            # `DELETE /orders/` is another call than `DELETE /orders/o_1`.
            raise HttpFailure("invalid", f"its address needs `{name}`", sent=False)
        parameter = template.parameters.get(name)
        shown = parameter.name if parameter is not None and parameter.name else name
        text = path_segment(_form(shown, "simple", parameter), given)
        # A server would read these as a step to another folder.
        return text.replace(".", "%2E") if set(text) <= {"."} else text

    return _ARGUMENT.sub(value, template.url)


__all__ = ["RequestDraft", "RequestTemplate", "draft_request", "request_template"]
