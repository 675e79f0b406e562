"""An authorization server around an MCP server: metadata, registration, codes with PKCE, tokens."""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs


class LoginServer:
    """Lets in who shows the token it gave last.

    Args:
        app: The application behind it.
    """

    def __init__(self, app: Any) -> None:
        self.app = app
        self.issued = 0
        self.grants: list[dict[str, str]] = []
        """The token requests, in order."""
        self.revoked = False
        """Whether the token it gave last is refused all the same."""
        self.challenge = ""

    @property
    def token(self) -> str:
        """The token it gave last."""
        return f"token-number-{self.issued}"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {k.decode(): v.decode() for k, v in scope["headers"]}
        here = f"http://{headers['host']}"
        match scope["path"]:
            case "/.well-known/oauth-protected-resource/mcp":
                found = {"resource": f"{here}/mcp", "authorization_servers": [here]}
                await answer(send, 200, found)
            case "/.well-known/oauth-authorization-server":
                await answer(send, 200, self.metadata(here))
            case "/register":
                asked = json.loads(await body(receive))
                await answer(send, 201, {**asked, "client_id": "client-1"})
            case "/authorize":
                await self.authorize(scope["query_string"].decode(), send)
            case "/token":
                await self.give(form(await body(receive)), send)
            case _ if headers.get("authorization") == f"Bearer {self.token}" and not self.revoked:
                await self.app(scope, receive, send)
            case _:
                metadata = f"{here}/.well-known/oauth-protected-resource/mcp"
                challenge = f'Bearer resource_metadata="{metadata}"'
                await answer(send, 401, {}, {"www-authenticate": challenge})

    def metadata(self, here: str) -> dict[str, Any]:
        return {
            "issuer": here,
            "authorization_endpoint": f"{here}/authorize",
            "token_endpoint": f"{here}/token",
            "registration_endpoint": f"{here}/register",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
        }

    async def authorize(self, query: str, send: Any) -> None:
        asked = form(query)
        assert asked["code_challenge_method"] == "S256"
        self.challenge = asked["code_challenge"]
        back = f"{asked['redirect_uri']}?code=code-1&state={asked['state']}"
        await answer(send, 302, {}, {"location": back})

    async def give(self, asked: dict[str, str], send: Any) -> None:
        self.grants.append(asked)
        if asked["grant_type"] == "authorization_code":
            made = hashlib.sha256(asked["code_verifier"].encode()).digest()
            assert base64.urlsafe_b64encode(made).decode().rstrip("=") == self.challenge
        else:
            assert asked["refresh_token"] == f"refresh-number-{self.issued}"
        self.issued += 1
        self.revoked = False
        given = {
            "access_token": self.token,
            "token_type": "Bearer",
            "refresh_token": f"refresh-number-{self.issued}",
            "expires_in": 3600,
        }
        await answer(send, 200, given)


def form(text: str) -> dict[str, str]:
    return {name: found[0] for name, found in parse_qs(text).items()}


async def body(receive: Any) -> str:
    content, more = b"", True
    while more:
        message = await receive()
        content += message.get("body", b"")
        more = message.get("more_body", False)
    return content.decode()


async def answer(
    send: Any, status: int, data: Any, headers: Mapping[str, str] | None = None
) -> None:
    said = {"content-type": "application/json", **(headers or {})}
    raw = [(name.encode(), value.encode()) for name, value in said.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": json.dumps(data).encode()})


__all__ = ["LoginServer"]
