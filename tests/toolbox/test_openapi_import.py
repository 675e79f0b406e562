"""OpenAPI documents as the world writes them: each peculiarity, and the tool or note it gives."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from agentctl.core.errors import Problem
from agentctl.specs.shapes.tools import ToolManifest
from agentctl.toolbox.importing.definitions import Imported
from agentctl.toolbox.importing.openapi.importer import import_openapi
from agentctl.toolbox.importing.openapi.reading import openapi_document

HEAD = "openapi: 3.0.3\ninfo: {title: Pets, version: '1'}\n"


def read(tmp_path: Path, text: str, pattern: str | None = None) -> Imported:
    file = tmp_path / "pets.yaml"
    file.write_text(text)
    found = import_openapi(openapi_document(str(file)), "pets", pattern)
    ToolManifest.model_validate(found.manifest)
    return found


def tools(tmp_path: Path, operations: str) -> dict[str, dict[str, Any]]:
    """Import a document of `paths:`; return its tools by name."""
    found = read(tmp_path, f"{HEAD}{operations}")
    return {tool["name"]: tool for tool in found.manifest["tools"]}


def test_parameters_keep_their_styles(tmp_path: Path):
    """What has the default form needs no word; everything else is written down."""
    made = tools(
        tmp_path,
        """
paths:
  /pets/{ids}:
    parameters:
      - {name: ids, in: path, required: true, style: label, schema: {type: array}}
    get:
      operationId: find
      parameters:
        - {name: tags, in: query, schema: {type: array, items: {type: string}}}
        - {name: colors, in: query, explode: false, schema: {type: array}}
        - {name: sizes, in: query, style: pipeDelimited, explode: false, schema: {type: array}}
        - {name: "filter[age]", in: query, schema: {type: integer}}
        - {name: where, in: query, style: deepObject, schema: {type: object}}
        - {name: X-Trace, in: header, schema: {type: string}}
        - name: query
          in: query
          content: {application/json: {schema: {type: object}}}
""",
    )
    assert made["find"]["live"] == {
        "kind": "http",
        "server": "pets",
        "method": "GET",
        "url": "/pets/{ids}",
        "parameters": {
            "ids": {"in": "path", "style": "label"},
            "colors": {"in": "query", "explode": False},
            "sizes": {"in": "query", "style": "pipeDelimited"},
            "filter_age": {"in": "query", "name": "filter[age]"},
            "where": {"in": "query", "style": "deepObject"},
            "x_trace": {"in": "header", "name": "X-Trace"},
            "query": {"in": "query", "style": "json"},
        },
    }


def test_one_name_in_path_and_body_is_two_arguments(tmp_path: Path):
    """The second one says where it goes."""
    (tool,) = tools(
        tmp_path,
        """
paths:
  /pets/{id}:
    put:
      parameters: [{name: dry_run, in: query, schema: {type: boolean}}]
      requestBody:
        content:
          application/json:
            schema: {type: object, required: [id], properties: {id: {type: string}}}
""",
    ).values()
    assert tool["inputSchema"]["required"] == ["id", "field_id"]
    assert tool["live"]["parameters"] == {
        "dry_run": {"in": "query"},
        "field_id": {"in": "field", "name": "id"},
    }


def test_bodies_of_each_kind(tmp_path: Path):
    """Forms by their encoding, a list or a free object as one argument, text, other JSON."""
    made = tools(
        tmp_path,
        """
paths:
  /form:
    post:
      operationId: form
      requestBody:
        content:
          application/x-www-form-urlencoded:
            schema: {type: object, properties: {To: {type: string}, Media: {type: array}}}
            encoding: {Media: {explode: false}}
  /multipart:
    post:
      operationId: multipart
      requestBody:
        content:
          multipart/form-data:
            schema: {type: object, properties: {file: {type: string, format: binary}}}
  /list:
    post:
      operationId: list
      requestBody:
        required: true
        content: {application/json: {schema: {type: array, items: {type: integer}}}}
  /free:
    post:
      operationId: free
      requestBody: {content: {application/json: {schema: {type: object}}}}
  /text:
    post: {operationId: text, requestBody: {content: {text/plain: {schema: {type: string}}}}}
  /merge:
    patch:
      operationId: merge
      requestBody:
        content:
          application/merge-patch+json:
            schema: {type: object, properties: {a: {type: string}}}
  /either:
    post:
      operationId: either
      requestBody:
        content:
          application/json:
            schema:
              type: object
              properties: {a: {type: string}, b: {type: string}}
              anyOf: [{required: [a]}, {required: [b]}]
  /delete:
    delete:
      operationId: delete
      requestBody:
        content:
          application/json: {schema: {type: object, properties: {why: {type: string}}}}
""",
    )
    live = {name: tool["live"] for name, tool in made.items()}
    assert (live["form"]["content"], live["form"]["parameters"]) == (
        "form", {"Media": {"in": "field", "explode": False}}
    )  # fmt: skip
    assert live["multipart"]["content"] == "multipart"
    assert made["multipart"]["inputSchema"]["properties"] == {"file": {"type": "string"}}
    assert live["list"]["parameters"] == live["free"]["parameters"] == {"body": {"in": "body"}}
    assert made["list"]["inputSchema"]["required"] == ["body"]
    assert (live["text"]["content"], live["text"]["parameters"]["body"]) == ("text", {"in": "body"})
    assert live["merge"]["headers"] == {"Content-Type": "application/merge-patch+json"}
    assert made["either"]["inputSchema"]["properties"].keys() == {"a", "b"}
    assert live["delete"]["parameters"] == {"why": {"in": "field"}}


def test_what_cannot_be_used_costs_one_tool_and_says_why(tmp_path: Path):
    """A dangling reference, one to elsewhere, a circle, a body, an answer, a broken part."""
    found = read(
        tmp_path,
        f"""{HEAD}
paths:
  /ok:
    get: {{operationId: ok}}
    post: {{operationId: dangling, requestBody: {{$ref: "#/components/nowhere"}}}}
    put: {{operationId: remote, parameters: [{{$ref: "https://evil.example/p"}}]}}
    patch:
      operationId: circle
      requestBody: {{content: {{application/json: {{schema: {{$ref: "#/components/schemas/A"}}}}}}}}
    delete: {{operationId: broken, parameters: 7}}
  /png: {{put: {{operationId: png, requestBody: {{content: {{image/png: {{}}}}}}}}}}
  /csv: {{get: {{operationId: csv, responses: {{200: {{content: {{text/csv: {{}}}}}}}}}}}}
  /lost: {{$ref: "#/paths/~1nowhere"}}
  /deep:
    get: {{operationId: result, responses: {{200: {{$ref: "#/components/nowhere"}}}}}}
components:
  schemas:
    A: {{$ref: "#/components/schemas/A"}}
""",
    )
    assert [tool["name"] for tool in found.manifest["tools"]] == ["ok", "result"]
    assert found.notes == [
        "left out /lost: `$ref: #/paths/~1nowhere` leads to nothing",
        "left out `dangling` (POST /ok): `$ref: #/components/nowhere` leads to nothing",
        "left out `remote` (PUT /ok): `$ref: https://evil.example/p` leads out of the document:"
        " bundle it first",
        "left out `circle` (PATCH /ok): `$ref: #/components/schemas/A` leads in a circle",
        "left out `broken` (DELETE /ok): it does not have the shape of OpenAPI",
        "left out `png` (PUT /png): its body is image/png, which is not sent",
        "left out `csv` (GET /csv): its answer is text/csv, and only JSON is read",
    ]


def test_a_body_that_contains_itself_is_cut_and_named(tmp_path: Path):
    """Its inner levels are not checked; a body made of nothing but itself is left out."""
    found = read(
        tmp_path,
        f"""{HEAD}
paths:
  /a:
    put:
      operationId: nested
      requestBody: {{content: {{application/json: {{schema: {{$ref: "#/components/schemas/N"}}}}}}}}
    post:
      operationId: endless
      requestBody: {{content: {{application/json: {{schema: {{$ref: "#/components/schemas/E"}}}}}}}}
components:
  schemas:
    N: {{type: object, properties: {{child: {{$ref: "#/components/schemas/N"}}}}}}
    E: {{allOf: [{{$ref: "#/components/schemas/F"}}]}}
    F: {{allOf: [{{$ref: "#/components/schemas/E"}}]}}
""",
    )
    (tool,) = found.manifest["tools"]
    inner = {"type": "object", "properties": {"child": {"type": "object"}}}
    assert tool["inputSchema"]["properties"] == {"child": inner}
    assert sorted(found.notes) == [
        "`nested`: `#/components/schemas/N` contains itself: its inner levels are not checked",
        "left out `endless` (POST /a): its body contains itself",
    ]


def test_a_schema_that_doubles_at_each_level_is_cut(tmp_path: Path):
    """Two to the thirtieth parts cost neither time nor the tool."""
    levels = "".join(
        f"    L{n}: {{properties: {{a: {{$ref: '#/components/schemas/L{n + 1}'}},"
        f" b: {{$ref: '#/components/schemas/L{n + 1}'}}}}}}\n"
        for n in range(30)
    )
    found = read(
        tmp_path,
        f"""{HEAD}
paths:
  /a:
    get:
      parameters: [{{name: q, in: query, schema: {{$ref: "#/components/schemas/L0"}}}}]
components:
  schemas:
{levels}    L30: {{type: string}}
""",
    )
    assert found.notes == ["`get_a`: what lies deeper than 6 levels is not checked"]


def test_each_security_scheme_of_a_call(tmp_path: Path):
    """Two keys at once, another way in for one tool, and none for another."""
    found = read(
        tmp_path,
        f"""{HEAD}
security: [{{api: [], app: []}}]
components:
  securitySchemes:
    api: {{type: apiKey, in: header, name: DD-API-KEY}}
    app: {{type: apiKey, in: query, name: application_key}}
    login:
      type: oauth2
      flows: {{authorizationCode: {{authorizationUrl: x, tokenUrl: y, scopes: {{}}}}}}
    cert: {{type: mutualTLS}}
paths:
  /a: {{get: {{}}}}
  /b: {{get: {{}}}}
  /c: {{get: {{security: [{{cert: []}}, {{login: [read]}}]}}}}
  /d: {{get: {{security: []}}}}
  /e: {{get: {{security: [{{cert: []}}]}}}}
""",
    )
    assert found.manifest["servers"]["pets"]["auth"] == {
        "kind": "all",
        "of": [
            {"kind": "header", "header": "DD-API-KEY", "token": "${PETS_API_KEY}"},
            {"kind": "query", "parameter": "application_key", "token": "${PETS_APP_API_KEY}"},
        ],
    }
    auths = [tool["live"].get("auth") for tool in found.manifest["tools"]]
    bearer = {"kind": "bearer", "token": "${PETS_TOKEN}"}
    assert auths == [None, None, bearer, {"kind": "none"}, {"kind": "none"}]
    assert found.notes == [
        "`login` is OAuth (authorizationCode): get a token yourself and set PETS_TOKEN to it",
        "security scheme `cert` (mutualTLS) is not supported",
        "`cert` is required, and not supported: `auth:` is left out",
    ]


def test_a_call_that_needs_a_scheme_nobody_knows_shows_no_part_of_it(tmp_path: Path):
    """Half of two credentials is refused anyway; the other way in is taken where there is one."""
    found = read(
        tmp_path,
        f"""{HEAD}
components:
  securitySchemes:
    api: {{type: apiKey, in: header, name: X-Key}}
    cert: {{type: mutualTLS}}
paths:
  /a: {{get: {{security: [{{api: [], cert: []}}]}}}}
  /b: {{get: {{security: [{{api: [], cert: []}}, {{api: []}}]}}}}
""",
    )
    auths = [tool["live"].get("auth") for tool in found.manifest["tools"]]
    server = found.manifest["servers"]["pets"].get("auth")
    key = {"kind": "header", "header": "X-Key", "token": "${PETS_API_KEY}"}
    assert (server, auths) == (None, [None, key])
    assert "`api and cert` is required, and not supported: `auth:` is left out" in found.notes


def test_operations_keep_their_own_servers(tmp_path: Path):
    """Each address is a server of the manifest, with a variable of its own."""
    found = read(
        tmp_path,
        f"""{HEAD}
servers: [{{url: "https://{{region}}.pets.example/v1", variables: {{region: {{default: eu}}}}}}]
paths:
  /a: {{get: {{}}, post: {{servers: [{{url: "https://up.pets.example"}}]}}}}
  /b: {{servers: [{{url: "https://up.pets.example"}}], get: {{}}}}
""",
    )
    assert found.manifest["servers"] == {
        "pets": {"url": "${PETS_API}"},
        "pets_2": {"url": "${PETS_2_API}"},
    }
    assert [tool["live"]["server"] for tool in found.manifest["tools"]] == [
        "pets", "pets_2", "pets_2"
    ]  # fmt: skip
    assert found.notes == [
        "the document says that `pets` is at https://eu.pets.example/v1: set ${PETS_API}",
        "the document says that `pets_2` is at https://up.pets.example: set ${PETS_2_API}",
    ]


def test_results_give_a_schema_and_a_mock(tmp_path: Path):
    """The example of the document, or one made of the schema; what is only written is left out."""
    made = tools(
        tmp_path,
        """
paths:
  /a:
    get:
      operationId: example
      responses:
        200:
          content:
            application/json:
              schema:
                type: object
                additionalProperties: false
                required: [id, secret]
                properties:
                  id: {type: integer, format: int32}
                  secret: {type: string, writeOnly: true}
                  when: {type: string, format: date, pattern: "^20"}
              examples: {one: {value: {id: 7}}}
    post:
      operationId: made
      responses:
        "201": {content: {application/json: {schema: {type: array, items: {type: string}}}}}
    delete: {operationId: nothing, responses: {204: {description: Gone.}}}
""",
    )
    assert made["example"]["outputSchema"] == {
        "type": "object",
        "required": ["id"],
        "properties": {"id": {"type": "integer"}, "when": {"type": "string"}},
    }
    mocks = [made[name]["mock"]["replies"][0]["return"] for name in ("example", "made", "nothing")]
    assert mocks == [{"id": 7}, ["text"], None]


def test_a_pattern_that_cannot_be_checked_is_named(tmp_path: Path):
    """A look-ahead is not linear; the argument stays."""
    found = read(
        tmp_path,
        f"""{HEAD}
paths:
  /a: {{get: {{parameters: [{{name: p, in: query, schema: {{type: string, pattern: "^(?=a)"}}}}]}}}}
""",
    )
    assert found.manifest["tools"][0]["inputSchema"]["properties"] == {"p": {"type": "string"}}
    assert found.notes == ["`get_a`: the pattern '^(?=a)' is not checked"]


def test_operation_ids_of_any_shape_become_names(tmp_path: Path):
    """Slashes, spaces, other alphabets, twice the same, and none at all."""
    made = tools(
        tmp_path,
        """
paths:
  /a: {get: {operationId: "pets/list-all"}, post: {operationId: "Найти"}}
  /b: {get: {operationId: "pets list all"}, put: {operationId: 7}}
""",
    )
    assert list(made) == ["pets_list_all", "post_a", "pets_list_all_2", "7"]


SWAGGER = """
swagger: "2.0"
host: slack.example
basePath: /api
schemes: [http, https]
consumes: [application/x-www-form-urlencoded]
securityDefinitions:
  slack: {type: oauth2, flow: accessCode, authorizationUrl: x, tokenUrl: y, scopes: {}}
parameters:
  tags: {name: tags, in: query, type: array, items: {type: string}, collectionFormat: multi}
paths:
  /find:
    get:
      parameters:
        - $ref: "#/parameters/tags"
        - {name: ids, in: query, type: array, items: {type: integer}}
      responses: {200: {schema: {$ref: "#/definitions/Pet"}, examples: {application/json: {id: 1}}}}
  /post:
    post:
      operationId: chat.postMessage
      security: [{slack: [write]}]
      parameters:
        - {name: channel, in: formData, type: string, required: true}
        - {name: blocks, in: formData, type: array, items: {type: string}, collectionFormat: multi}
  /json:
    put:
      consumes: [application/json]
      parameters: [{name: pet, in: body, required: true, schema: {$ref: "#/definitions/Pet"}}]
  /file:
    post:
      parameters: [{name: file, in: formData, type: file}]
  /lost:
    get: {parameters: [{$ref: "#/parameters/nowhere"}]}
definitions:
  Pet: {type: object, properties: {id: {type: integer}}}
"""


def test_swagger_2_is_read(tmp_path: Path):
    """Collection formats, form data, bodies, definitions and security of the older way."""
    found = read(tmp_path, SWAGGER)
    made = {tool["name"]: tool for tool in found.manifest["tools"]}
    assert made["get_find"]["live"]["parameters"] == {"ids": {"in": "query", "explode": False}}
    assert made["get_find"]["mock"] == {"replies": [{"return": {"id": 1}}]}
    chat = made["chat_post_message"]
    assert (chat["live"]["content"], chat["inputSchema"]["required"]) == ("form", ["channel"])
    assert "parameters" not in chat["live"]
    assert made["put_json"]["inputSchema"]["properties"] == {"id": {"type": "integer"}}
    assert made["post_file"]["live"]["content"] == "multipart"
    assert found.notes[0].endswith("is at https://slack.example/api: set ${PETS_API}")
    assert any("left out `get_lost` (GET /lost): `$ref: #/parameters/nowhere`" in line
               for line in found.notes)  # fmt: skip


def test_yaml_is_read_as_documents_are_published(tmp_path: Path):
    """Number keys, anchors and merge keys; dates, `on` and `12:30` stay text."""
    file = tmp_path / "a.yaml"
    file.write_text("a: &x {200: [2026-01-15, on, 12:30, 010, 1e3, 1.5, ~]}\nb: {<<: *x, c: *x}\n")
    wanted = {"200": ["2026-01-15", "on", "12:30", "010", 1000.0, 1.5, None]}
    assert openapi_document(str(file)) == {"a": wanted, "b": {**wanted, "c": wanted}}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: [", "yaml-syntax"),
        ("a: &x [*x]", "yaml-syntax"),
        ("\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" if n else "a0: &a0 [x]"
                   for n in range(12)), "too-large"),
        ("a: !!python/name:os.system x", "yaml-syntax"),
        ('{"a": NaN}', "bad-json"),
    ],
    ids=["syntax", "circle", "bomb", "tag", "nan"],
)  # fmt: skip
def test_a_document_that_cannot_be_read_is_one_problem(tmp_path: Path, text: str, code: str):
    """Nothing in it is run, and no alias makes it grow."""
    file = tmp_path / "a.yaml"
    file.write_text(text)
    with pytest.raises(Problem) as met:
        openapi_document(str(file))
    assert met.value.diagnostics[0].code == code


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("tag:Pe*", ["list_pets", "add_pet"]),
        ("/pets", ["list_pets", "add_pet"]),
        ("/owners/*", ["get_owner"]),
        ("listPets", ["list_pets"]),
        ("*_owner", ["get_owner"]),
    ],
)
def test_operations_are_selected_by_tag_path_or_id(tmp_path: Path, pattern: str, names: list[str]):
    """Nobody wants all tools of a large API."""
    document = f"""{HEAD}
paths:
  /pets:
    get: {{operationId: listPets, tags: [Pets]}}
    post: {{operationId: addPet, tags: [Other, Pets]}}
  /owners/{{id}}: {{get: {{operationId: getOwner, tags: [Owners]}}}}
"""
    found = read(tmp_path, document, pattern)
    assert [tool["name"] for tool in found.manifest["tools"]] == names
    with pytest.raises(Problem, match="no operation matches `tag:none`"):
        read(tmp_path, document, "tag:none")


def test_json_and_yaml_give_the_same_manifest(tmp_path: Path):
    """The format of a document is no part of what it says."""
    as_json = tmp_path / "b.json"
    as_json.write_text(json.dumps(yaml.safe_load(SWAGGER)))
    found = import_openapi(openapi_document(str(as_json)), "pets")
    assert found.manifest == read(tmp_path, SWAGGER).manifest
