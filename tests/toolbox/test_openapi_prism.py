"""A mock server from npm (`@stoplight/prism-cli`) answers an imported document's calls.

It validates each request against the document and answers from its examples, so a list that went
out in the wrong form, or a missing key, is an error here and not a silent mistake.
"""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from agentctl.core.messages import ToolResult
from agentctl.toolbox.backends import LiveTools
from agentctl.toolbox.importing.openapi.importer import import_openapi
from agentctl.toolbox.importing.openapi.reading import openapi_document
from agentctl.toolbox.port import BackendCall, Opening
from agentctl.toolbox.variables import variables_of
from tests.support.build import bundle

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed"),
]
PRISM = "@stoplight/prism-cli@5"
NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
DOCUMENT = """
openapi: 3.0.3
info: {title: Pets, version: "1"}
servers: [{url: "https://pets.example"}]
security: [{api: [], app: []}]
components:
  securitySchemes:
    api: {type: apiKey, in: header, name: X-Api-Key}
    app: {type: apiKey, in: query, name: app_key}
  schemas:
    Pet:
      type: object
      required: [id]
      properties: {id: {type: integer}, name: {type: string}}
paths:
  /pets:
    get:
      operationId: findPets
      parameters:
        - name: tags
          in: query
          required: true
          schema: {type: array, minItems: 2, items: {type: string, enum: [a, b]}}
        - name: ids
          in: query
          explode: false
          schema: {type: array, minItems: 2, items: {type: integer}}
        - name: size
          in: query
          style: deepObject
          schema: {type: object, properties: {min: {type: string, pattern: "^3$"}}}
        - {name: X-Trace, in: header, schema: {type: string, minLength: 3}}
      responses:
        200:
          description: Found.
          content:
            application/json:
              schema: {type: array, items: {$ref: "#/components/schemas/Pet"}}
              example: [{id: 7, name: Rex}]
    post:
      operationId: addPet
      parameters: [{name: notify, in: query, required: true, schema: {type: boolean}}]
      requestBody:
        required: true
        content:
          application/json:
            schema:
              type: object
              required: [name, tags]
              properties:
                name: {type: string}
                tags: {type: array, minItems: 2, items: {type: string}}
      responses:
        201:
          description: Made.
          content: {application/json: {schema: {$ref: "#/components/schemas/Pet"}}}
  /pets/{id}:
    get:
      operationId: getPet
      parameters: [{name: id, in: path, required: true, schema: {type: string, pattern: "^p 1$"}}]
      responses:
        200:
          description: Found.
          content: {application/json: {schema: {$ref: "#/components/schemas/Pet"}}}
  /forms:
    post:
      operationId: sendForm
      requestBody:
        required: true
        content:
          application/x-www-form-urlencoded:
            schema:
              type: object
              required: [to, media]
              properties:
                to: {type: string}
                media: {type: array, minItems: 2, items: {type: string}}
            encoding: {media: {style: form, explode: false}}
      responses:
        201:
          description: Sent.
          content: {application/json: {schema: {$ref: "#/components/schemas/Pet"}}}
  /lists:
    put:
      operationId: putList
      requestBody:
        required: true
        content: {application/json: {schema: {type: array, minItems: 2, items: {type: integer}}}}
      responses: {204: {description: Done.}}
"""


@pytest.fixture(scope="module")
def prism(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    folder = tmp_path_factory.mktemp("prism")
    document = folder / "pets.yaml"
    document.write_text(DOCUMENT)
    install = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), PRISM]
    subprocess.run(install, check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = folder / "node_modules" / ".bin" / "prism"
    command = [str(program), "mock", "-h", "127.0.0.1", "-p", str(port), str(document)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        url = f"http://127.0.0.1:{port}"
        _wait(url, server)
        yield url, document
        server.terminate()


def _wait(url: str, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(600):
        assert server.poll() is None, "prism ended"
        try:
            httpx.get(url, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("prism did not start")


@pytest.fixture
def tools(prism: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[LiveTools]:
    url, document = prism
    manifest = import_openapi(openapi_document(str(document)), "pets").manifest
    servers = {name: {**one, "allow_private": True} for name, one in manifest["servers"].items()}
    for name, value in (("API", url), ("API_KEY", "key-1"), ("APP_API_KEY", "key-2")):
        monkeypatch.setenv(f"PETS_{name}", value)
    owner = bundle(tools=manifest["tools"], servers=servers)
    backend = LiveTools(Opening(owner, variables_of(owner)))
    yield backend
    backend.close()


def call(backend: LiveTools, tool: str, args: dict[str, Any]) -> ToolResult:
    return backend.send(tool, BackendCall(args, {}, NOW), None)


CALLS: list[tuple[str, dict[str, Any]]] = [
    ("find_pets", {"tags": ["a", "b"]}),
    ("find_pets", {"tags": ["a", "b"], "ids": [1, 2], "size": {"min": "3"}, "x_trace": "abc"}),
    ("add_pet", {"name": "Rex", "tags": ["a", "b"], "notify": True}),
    ("get_pet", {"id": "p 1"}),
    ("send_form", {"to": "+49 1", "media": ["u1", "u2"]}),
    ("put_list", {"body": [1, 2]}),
]


@pytest.mark.parametrize(("name", "args"), CALLS, ids=[json.dumps(one) for one in CALLS])
def test_prism_takes_every_call_as_valid(tools: LiveTools, name: str, args: dict[str, Any]):
    """Lists in query, form and body, an object, a header, and two API keys.

    Two things are left to the other tests: Prism 5 itself crashes on a list in a path, and of
    `media=u1&media=u2` in a form it reads the last pair only.
    """
    result = call(tools, name, args)
    assert result.error is None, result.error
    if name == "find_pets":
        assert result.value == [{"id": 7, "name": "Rex"}]


def test_prism_refuses_a_call_without_its_second_key(
    prism: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
):
    """So the calls above were held against the document."""
    url, document = prism
    manifest = import_openapi(openapi_document(str(document)), "pets").manifest
    monkeypatch.setenv("PETS_API", url)
    for tool in manifest["tools"]:
        tool["live"]["auth"] = {"kind": "none"}
    servers = {name: {**one, "allow_private": True} for name, one in manifest["servers"].items()}
    owner = bundle(tools=manifest["tools"], servers=servers)
    result = call(LiveTools(Opening(owner, variables_of(owner))), "put_list", {"body": [1, 2]})
    assert result.error is not None
    assert result.error.kind == "forbidden"


def test_prism_refuses_a_list_that_is_too_short(tools: LiveTools):
    """So it read the lists above as lists."""
    result = call(tools, "find_pets", {"tags": ["a"]})
    assert result.error is not None
    assert result.error.kind == "invalid"
