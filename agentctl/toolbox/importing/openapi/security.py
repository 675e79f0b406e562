"""How an API knows who calls: security schemes as `auth:` blocks, with the names of variables."""

from collections.abc import Iterable, Mapping
from typing import Any

from agentctl.core.canonical import Json
from agentctl.toolbox.importing.definitions import clean_name, variable
from agentctl.toolbox.importing.openapi.schemas import References, Unusable

SecurityRequirement = tuple[str, ...]
"""The schemes that one call shows at once; none = anybody may call."""


class Security:
    """The security schemes of one document.

    Args:
        document: The document.
        name: What the server is called, for the names of variables.
        references: The document's.
    """

    def __init__(self, document: Mapping[str, Any], name: str, references: References) -> None:
        schemes = (document.get("components") or {}).get("securitySchemes") or {}
        self._name = name
        self._taken: set[str] = set()
        self._known: dict[str, dict[str, Json]] = {}
        self._default = document.get("security")
        self.notes: dict[str, None] = {}
        for key, raw in schemes.items():
            try:
                scheme = references.followed(raw)
            except Unusable as why:
                self.notes[f"security scheme `{key}`: {why}"] = None
                continue
            found = self._auth(key, scheme)
            if found is None:
                kind = " ".join(str(scheme[k]) for k in ("type", "scheme") if scheme.get(k))
                self.notes[f"security scheme `{key}` ({kind}) is not supported"] = None
            else:
                self._known[key] = found

    def nothing_is_required(self, operations: Iterable[Mapping[str, Any]]) -> None:
        """Where a document never says which scheme is required, require the first it declares."""
        if self._default is None and not any("security" in spec for spec in operations):
            self._default = [{key: []} for key in list(self._known)[:1]]

    def required(self, spec: Mapping[str, Any]) -> tuple[SecurityRequirement, list[str]]:
        """Return the schemes that an operation needs, and the OAuth scopes.

        Of several ways in, the first is taken of which every scheme is known.
        """
        ways = spec.get("security", self._default)
        ways = [way for way in ways or [] if isinstance(way, dict)]
        for way in ways:
            if way and all(key in self._known for key in way):
                oauth = (key for key in way if self._known[key]["kind"] == "oauth2")
                scopes = {str(scope) for key in oauth for scope in way[key] or []}
                return tuple(way), sorted(scopes)
        unknown = next((" and ".join(way) for way in ways if way), None)
        if unknown is not None and {} not in ways:
            self.notes[f"`{unknown}` is required, and not supported: `auth:` is left out"] = None
        return (), []

    def auth(self, requirement: SecurityRequirement, scopes: Iterable[str] = ()) -> dict[str, Json]:
        """Return the `auth:` block of a requirement.

        Args:
            requirement: As `required` returned it.
            scopes: What its tools need together.
        """
        parts = [dict(self._known[key]) for key in requirement]
        for part in parts:
            if part["kind"] == "oauth2" and scopes:
                part["scopes"] = sorted(scopes)
        if len(parts) == 1:
            return parts[0]
        return {"kind": "all", "of": parts} if parts else {"kind": "none"}

    def _auth(self, key: str, scheme: Mapping[str, Any]) -> dict[str, Json] | None:
        match scheme.get("type"), str(scheme.get("scheme", "")).lower(), scheme.get("in"):
            case "http", "bearer", _:
                return {"kind": "bearer", "token": self._variable("TOKEN", key)}
            case "http", "basic", _:
                user, password = self._variable("USER", key), self._variable("PASSWORD", key)
                return {"kind": "basic", "user": user, "password": password}
            case "apiKey", _, "header" | "query" | "cookie" as place:
                field = {"header": "header", "query": "parameter", "cookie": "cookie"}[place]
                shown = str(scheme.get("name"))
                return {"kind": place, field: shown, "token": self._variable("API_KEY", key)}
            case "oauth2", _, _:
                return self._oauth(key, scheme.get("flows") or {})
            case "openIdConnect", _, _:
                return self._token(key, "OpenID Connect")
        return None

    def _oauth(self, key: str, flows: Mapping[str, Any]) -> dict[str, Json]:
        flow = flows.get("clientCredentials")
        if isinstance(flow, dict) and flow.get("tokenUrl"):
            return {
                "kind": "oauth2",
                "token_url": str(flow["tokenUrl"]),
                "client_id": self._variable("CLIENT_ID", key),
                "client_secret": self._variable("CLIENT_SECRET", key),
            }
        return self._token(key, f"OAuth ({', '.join(flows) or 'no flow'})")

    def _token(self, key: str, kind: str) -> dict[str, Json]:
        token = self._variable("TOKEN", key)
        self.notes[f"`{key}` is {kind}: get a token yourself and set {token[2:-1]} to it"] = None
        return {"kind": "bearer", "token": token}

    def _variable(self, what: str, key: str) -> str:
        """Return the placeholder of a credential; the first of its kind has the plain name."""
        found = variable(self._name, what)
        if found in self._taken:
            found = variable(self._name, f"{clean_name(key).upper() or 'KEY'}_{what}")
        self._taken.add(found)
        return found


__all__ = ["Security", "SecurityRequirement"]
