"""What an MCP server lists becomes a manifest, whatever its peculiarities."""

import json
from pathlib import Path
from typing import Any

import pytest

from agentctl.cli.program import run_cli as command
from agentctl.core.errors import Problem
from agentctl.specs.language.schemas import Schema, SchemaProblem
from agentctl.specs.reading.yaml import parse_yaml
from agentctl.specs.shapes.tools import ToolManifest
from agentctl.toolbox.importing.definitions import imported_rules, policy_for, remarks_on
from agentctl.toolbox.importing.manifests import to_yaml
from agentctl.toolbox.importing.mcp import (
    AS_LISTED,
    McpChoice,
    import_definitions,
    update_definitions,
)
from agentctl.toolbox.importing.readable import readable_schema
from agentctl.toolbox.mcp.definitions import INVALID, definition_hash
from tests.support.mcp_server import TOOLS

DRAFT_07 = "http://json-schema.org/draft-07/schema#"
SERVER = {"command": ["files-server"]}
READS = {"readOnlyHint": True}
TRUST = McpChoice(trust_hints=True)


def listed(name: str = "look", **more: Any) -> dict[str, Any]:
    return {"name": name, "description": "Look.", "inputSchema": {"type": "object"}, **more}


def arguments(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def imported(*listing: dict[str, Any], choice: McpChoice = AS_LISTED) -> Any:
    found = import_definitions("files", SERVER, listing, choice)
    ToolManifest.model_validate(found.manifest)
    return found


def only(*listing: dict[str, Any], choice: McpChoice = AS_LISTED) -> dict[str, Any]:
    (tool,) = imported(*listing, choice=choice).manifest["tools"]
    return tool


def test_what_a_server_says_of_itself_gives_it_no_right():
    """`readOnlyHint` makes no read, and `destructiveHint` makes a write worse."""
    hints = {"readOnlyHint": True, "destructiveHint": True}
    found = imported(listed("look", annotations=READS), listed("other", annotations=hints))
    effects = [(tool["effect"], tool["trust"]) for tool in found.manifest["tools"]]
    assert effects == [("external_write", "untrusted"), ("irreversible", "untrusted")]
    assert imported_rules("files", found.manifest) == [
        {"id": "files-writes", "ask": ["look", "other"]}
    ]
    assert policy_for("files", found.manifest)["roles"]["user"]["tools"] == ["look", "other"]


def test_names_that_look_alike_are_not_imported():
    """Neither of them: nobody could tell which was meant."""
    found = imported(TOOLS[0], {**TOOLS[0], "name": "Read_File"}, TOOLS[1])
    assert [tool["name"] for tool in found.manifest["tools"]] == ["write_file"]
    assert len([line for line in found.notes if "looks the same" in line]) == 2


def test_a_schema_of_an_older_draft_is_kept_as_it_is():
    """Every server on the official TypeScript SDK declares draft-07."""
    schema = {
        "$schema": DRAFT_07,
        **arguments(a={"$ref": "#/definitions/a"}),
        "definitions": {"a": {"type": "integer"}},
    }
    tool = only(listed(inputSchema=schema, outputSchema=schema))
    assert tool["inputSchema"] == tool["outputSchema"] == schema
    assert not Schema(tool["inputSchema"]).ok({"a": "x"})


def test_an_unknown_format_is_a_note():
    """It costs nothing: the schema stays as the server wrote it."""
    found = imported(listed(inputSchema=arguments(n={"type": "integer", "format": "int32"})))
    (tool,) = found.manifest["tools"]
    assert tool["inputSchema"]["properties"]["n"]["format"] == "int32"
    assert "unchecked" not in tool
    assert "`look`: not checked: the format `int32`" in found.notes


SHORT = {"type": "string", "maxLength": 5}
LOOK_AHEAD = {**SHORT, "pattern": "^(?!-)x"}


def test_a_constraint_that_cannot_be_checked_is_left_out_and_named():
    """The tool asks, even where hints are trusted, and its other constraints hold."""
    schema = arguments(code=LOOK_AHEAD)
    found = imported(listed(inputSchema=schema, annotations=READS), choice=TRUST)
    (tool,) = found.manifest["tools"]
    assert tool["inputSchema"] == arguments(code=SHORT)
    assert tool["unchecked"] == [
        'properties.code.pattern: the pattern "^(?!-)x" is not supported'
        " (look-around and back-references are not)"
    ]
    assert tool["effect"] == "external_write"
    assert found.notes[0] == f"`look`: not checked: {tool['unchecked'][0]}"


@pytest.mark.parametrize(
    ("schema", "left"),
    [
        (arguments(pattern=LOOK_AHEAD), arguments(pattern=SHORT)),
        ({"oneOf": [LOOK_AHEAD, {}], "title": "t"}, {"title": "t"}),
        ({"not": {"items": LOOK_AHEAD}, "title": "t"}, {"title": "t"}),
        ({"properties": {"not": {"pattern": "(a)\\1"}}}, {"properties": {"not": {}}}),
        ({"$schema": "https://example.com/own", "title": "t"}, {"title": "t"}),
        ({"allOf": [{"pattern": "("}, {"pattern": "(?=x)"}]}, {"allOf": [{}, {}]}),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_left_of_a_schema_accepts_no_less(schema: Any, left: Any):
    """Inside of `not` or `oneOf` a milder schema would refuse more, so all of it goes."""
    assert readable_schema(schema).schema == left


@pytest.mark.parametrize(
    "broken",
    [
        {"inputSchema": {"type": "array"}},
        {"inputSchema": arguments(a={"$ref": "#/$defs/gone"})},
        {"inputSchema": arguments(a={"$ref": "https://example.com/a.json"})},
        {"inputSchema": arguments(a={"type": "any"})},
        {"inputSchema": arguments(a={"const": 2**60})},
        {"outputSchema": arguments(a={"maximum": 2**63 - 1})},
        {"inputSchema": {"type": "object", "patternProperties": {"(?!x)": {}}}},
        {"_meta": {INVALID: "inputSchema.type: field required"}},
        {"name": "lооk"},  # noqa: RUF001 - Cyrillic
        {"name": "a\nb"},
    ],
    ids=str,
)
def test_a_tool_that_cannot_be_used_costs_that_tool_only(broken: dict[str, Any]):
    """It is named with the reason; the others are imported."""
    found = imported(listed("good"), listed(**broken))
    assert [tool["name"] for tool in found.manifest["tools"]] == ["good"]
    assert found.notes[0].startswith(f"left out {broken.get('name', 'look')!a}: ")


def test_nothing_that_can_be_used_is_a_problem_with_the_first_reason():
    """No manifest without a tool is written."""
    with pytest.raises(Problem, match="nothing can be imported"):
        imported(listed(inputSchema={"type": "array"}))


def test_a_result_schema_that_cannot_be_read_is_left_out_and_named():
    """Results are then not held against it."""
    tool = only(listed(outputSchema={"type": "object", "properties": {"a": {"$ref": "#/x"}}}))
    assert "outputSchema" not in tool
    assert tool["unchecked"] == ["outputSchema: `#/x` leads to nothing"]


def test_names_that_no_model_takes_get_an_alias():
    """Slashes, spaces and more than 64 characters; two that come out alike are told apart."""
    found = imported(listed("db/read"), listed("db:read"), listed("x" * 80), listed("get-sum"))
    tools = found.manifest["tools"]
    assert [tool["name"] for tool in tools] == ["db_read", "db_read_2", "x" * 64, "get-sum"]
    servers_names = [tool["live"].get("tool") for tool in tools]
    assert servers_names == ["db/read", "db:read", "x" * 80, None]


def test_a_prefix_tells_the_tools_of_two_servers_apart():
    """The server is still called by its own names."""
    tool = only(listed("read"), choice=McpChoice(prefix="left_"))
    assert (tool["name"], tool["live"]["tool"]) == ("left_read", "read")


def test_a_read_has_no_idempotency_key():
    """The same question twice is two questions, whether or not the server is believed."""
    reading = listed(inputSchema=arguments(path={"type": "string"}), annotations=READS)
    asking, trusted = only(reading), only(reading, choice=TRUST)
    assert asking["effect"] == "external_write" and trusted["effect"] == "none"
    assert "idempotency" not in asking and "idempotency" not in trusted
    assert "only reads" in asking["accept_risk"] and "accept_risk" not in trusted


def test_the_key_of_a_write_is_proposed_and_explained():
    """With a TODO on the line above it, in YAML that says the same."""
    found = imported(listed("write", inputSchema=arguments(path={}, text={})))
    (tool,) = found.manifest["tools"]
    assert tool["idempotency"] == {"key": ["path", "text"]}
    text = to_yaml(found.manifest, ["Imported."], remarks_on(found.manifest))
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("    idempotency:"))
    assert lines[at - 1].startswith("    # TODO: keep the arguments that make two calls the same")
    assert parse_yaml(text, "-").data == found.manifest


def test_trusted_hints_make_reads_that_are_said_to_be_the_servers_claim():
    """Reads are allowed as long as they are reads; what they return is a stranger's text."""
    found = imported(listed(annotations=READS), listed("write"), choice=TRUST)
    reading, writing = found.manifest["tools"]
    assert (reading["effect"], reading["trust"]) == ("none", "untrusted")
    assert writing["effect"] == "external_write"
    assert imported_rules("files", found.manifest) == [
        {"id": "files-reads", "allow": {"tools": ["look"], "effects": ["none"]}},
        {
            "id": "files-writes",
            "ask": {
                "tools": ["look", "write"],
                "effects": ["internal_write", "external_write", "irreversible"],
            },
        },
    ]
    text = to_yaml(found.manifest, (), remarks_on(found.manifest))
    assert "# the server's claim (readOnlyHint): review it\n    effect: none" in text


def test_a_read_whose_words_tell_a_risk_is_not_believed():
    """A server may say that deleting only reads."""
    tool = only(listed("delete_user", description="Delete.", annotations=READS), choice=TRUST)
    assert (tool["effect"], tool["risk"]) == ("external_write", ["deletes"])


def test_a_changed_definition_returns_a_read_to_ask():
    """By its effect, which the imported rules go by; `--trust-hints` believes the server again."""
    before = listed(annotations=READS)
    after = {**before, "description": "Look, and mail it."}
    manifest = imported(before, choice=TRUST).manifest
    asking = update_definitions(manifest, "files", [after])
    (tool,) = asking.manifest["tools"]
    assert tool["effect"] == "external_write" and tool["accept_risk"]
    assert tool["live"]["definition"] == definition_hash(after)
    assert any("review it, and let the policy ask until then" in note for note in asking.notes)
    (trusted,) = update_definitions(manifest, "files", [after], TRUST).manifest["tools"]
    assert trusted["effect"] == "none"
    assert update_definitions(manifest, "files", [before]).manifest == manifest


def test_what_was_reviewed_of_an_older_definition_is_reviewed_again():
    """`unchecked:` comes from the new one, and `reviewed:` goes."""
    manifest = imported(listed(inputSchema=arguments(a=LOOK_AHEAD))).manifest
    manifest["tools"][0]["reviewed"] = True
    after = listed(inputSchema=arguments(b=LOOK_AHEAD))
    (tool,) = update_definitions(manifest, "files", [after]).manifest["tools"]
    assert tool["unchecked"][0].startswith("properties.b.pattern") and "reviewed" not in tool


def test_a_mock_is_drafted_from_the_schema_of_results():
    """One reply that fits it, so that the tool can be evaluated offline at once."""
    schema = arguments(n={"type": "integer", "minimum": 3}) | {"required": ["n"]}
    tool = only(listed(outputSchema=schema))
    assert tool["mock"] == {"replies": [{"return": {"n": 3}}]}
    assert only(listed())["mock"]["replies"]


HOSTILE = [
    arguments(a={"type": "array", "minItems": 1e9}),
    arguments(a={"type": "string", "minLength": 1e9}),
    {**arguments(a={"$ref": "#"}, b={"$ref": "#"}), "required": ["a", "b"]},
]  # fmt: skip


@pytest.mark.parametrize("schema", HOSTILE, ids=range(len(HOSTILE)))
def test_no_schema_makes_a_draft_endless(schema: dict[str, Any]):
    """A mock that would be long is not drafted."""
    assert len(json.dumps(only(listed(outputSchema=schema)))) < 20_000


@pytest.mark.parametrize(
    ("words", "place"),
    [
        ("server --api-key k-1", "`--api-key`"),
        ("server --api-key=k-1", "`--api-key`"),
        ("env DESK_TOKEN=k-1 server", "`DESK_TOKEN`"),
        ("npx server --header 'Authorization: Basic k-1'", "`Authorization`"),
        ("server postgres://desk:k-1@db.example/desk", "word 2"),
        ("server 'https://desk.example/mcp?api_key=k-1'", "word 2"),
        ("server sk-abcdefghijklmnopqrstuv", "word 2"),
    ],
)
def test_a_secret_in_a_command_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, words: str, place: str
):
    """It would be written to the manifest; neither the message nor `check` repeats it."""
    monkeypatch.chdir(tmp_path)
    assert command(["tools", "import", "--mcp", words, "--name", "files"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error[secret-in-command]: the command of the server holds a secret")
    assert f"in plain text ({place})" in said
    assert "k-1" not in said and not (tmp_path / "tools").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["server", "--token", "${DESK_TOKEN}"], ["server", "--max-tokens", "5"],
        ["server", "--header", "Authorization: ${DESK_TOKEN}"], ["npx", "-y", "@scope/server"],
        ["server", "--password-file", "secrets.txt"], ["docker", "run", "-e", "API_KEY", "server"],
        ["server", "postgres://desk:${DESK_PASSWORD}@db.example/desk"],
    ],
)  # fmt: skip
def test_a_command_without_a_secret_passes_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], capsys: Any
):
    """Variables, names of files and names of variables are none."""
    assert checked(tmp_path, monkeypatch, words) == 0, capsys.readouterr().out


def test_check_finds_a_secret_in_a_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
):
    """As it finds one in a header, with the way out, and without the line."""
    assert checked(tmp_path, monkeypatch, ["server", "--token", "k-1"]) == 1
    said = capsys.readouterr().out
    assert "error[secret-in-file]: the command holds a secret in plain text (`--token`)" in said
    assert "write `${TOKEN}`" in said and "k-1" not in said


def checked(folder: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> int:
    monkeypatch.chdir(folder)
    (folder / "tools").mkdir()
    manifest = import_definitions("files", {"command": words}, [listed()]).manifest
    (folder / "tools" / "files.yaml").write_text(to_yaml(manifest))
    return command(["check"])


def test_a_schema_that_loses_too_much_is_not_used():
    """Twenty constraints may go; more than that is no description any more."""
    many = {f"p{number}": {"pattern": "(?!x)"} for number in range(21)}
    with pytest.raises(SchemaProblem):
        readable_schema(arguments(**many))
