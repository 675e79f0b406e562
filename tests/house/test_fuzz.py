"""Damaged files and messages: a problem with a place, never an internal error, a hang or a yes.

`make test` reads ten thousand of them, the same ones on every machine; soak reads many more.
"""

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import mcp_types as types
import pytest
from mcp_types import jsonrpc_message_adapter
from pydantic import ValidationError

from agentctl.app.checking.checking import check_files
from agentctl.cli.render.events import event_lines
from agentctl.core.canonical import canonical_text
from agentctl.core.errors import Problem
from agentctl.evals.results.report import report_json_text
from agentctl.evals.results.stored import read_report
from agentctl.evals.running.cassettes import Cassette, read_cassette
from agentctl.evals.running.runner import EvalPlan, evaluate_set
from agentctl.evals.running.turn_sources import ModelSource, TrialModels
from agentctl.interop.reading import RunsFile, read_runs
from agentctl.models.cassette import answer_digest
from agentctl.models.scripted import ScriptedModel
from agentctl.runtime.harness import Harness
from agentctl.runtime.trial import play_trial
from agentctl.specs.loading.project import Project
from agentctl.specs.loading.sets import LoadedSet
from agentctl.specs.reading.decode import decode
from agentctl.specs.reading.yaml import parse_yaml
from agentctl.specs.shapes.kinds import KINDS
from agentctl.toolbox.importing.manifests import to_yaml
from agentctl.toolbox.importing.mcp import import_definitions
from agentctl.toolbox.importing.openapi.importer import import_openapi
from agentctl.toolbox.importing.openapi.reading import openapi_document
from agentctl.toolbox.mcp.answers import AnswerCheck
from agentctl.toolbox.mcp.content import called_result
from agentctl.toolbox.mcp.screening import Screening
from agentctl.traces.audit.verify import against, verify_data
from agentctl.traces.log.chain import chain_lines
from agentctl.traces.log.content import require_content
from agentctl.traces.log.journal import Journal, Seal
from agentctl.traces.log.store import read_events
from agentctl.traces.views.cost import spends_of
from agentctl.traces.views.diff import diff_events
from agentctl.traces.views.fold import fold
from tests.support.fuzz import Kind, fuzz
from tests.support.project import CANCEL, GET, SAY, failing, make, passing

TESTS = Path(__file__).parent.parent
TRIED = {
    "yaml": 2500,
    "project": 40,
    "trace": 2000,
    "recordings": 1500,
    "cassette": 1000,
    "report": 1000,
    "openapi": 500,
    "mcp message": 1500,
    "mcp tools": 200,
}
"""How many of each kind `make test` reads."""
MORE = 20
"""Soak reads so many times as many, with another seed in each."""


class Accepted(Exception):  # noqa: N818 - says what happened
    """Something damaged was taken for sound."""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> LoadedSet:
    """Return a small golden set of a project of its own."""
    root = tmp_path_factory.mktemp("project")
    make(root, [passing("a"), failing("b")])
    return Project.find(root).golden_set("orders")


def yaml_kind() -> Kind:
    folders = (TESTS / "examples", TESTS / "bad_specs/_base")
    seeds = [path.read_bytes() for folder in folders for path in folder.rglob("*.yaml")]

    def read(data: bytes) -> None:
        source = parse_yaml(data.decode(), "file.yaml")
        said = source.data.get("kind") if isinstance(source.data, dict) else None
        model = KINDS.get(said) if isinstance(said, str) else None
        for one in [model] if model is not None else KINDS.values():
            with suppress(Problem):
                decode(one, source.data, source)

    return Kind("yaml", seeds, read, (Problem, UnicodeDecodeError))


def project_kind(folder: Path) -> Kind:
    """Return whole projects with one file damaged, as `check` reads them."""
    make(folder, [passing("a"), failing("b")])
    files = sorted(folder.rglob("*.yaml"))
    marker = b"\n#: "
    seeds = [path.read_bytes() + marker + str(path).encode() for path in files]
    sound = {path: path.read_bytes() for path in files}
    before = check_files(folder)
    assert not before.errors

    def read(data: bytes) -> None:
        text, _, name = data.rpartition(marker)
        path = next((path for path in files if str(path).encode() == name.strip()), files[0])
        path.write_bytes(text)
        try:
            check_files(folder)
        finally:
            path.write_bytes(sound[path])

    return Kind("project", seeds, read, (Problem,))


def trace_kind(file: Path, loaded: LoadedSet) -> Kind:
    scenarios = [entry.scenario for entry in loaded.scenarios()]
    harness = Harness(loaded.bundle)
    played = [
        play_trial(harness, one, loaded.tables, set_name="orders", now=loaded.head.now)
        for one in scenarios
    ]
    run = "orders/a#1"
    lines = list(chain_lines(run, played[0].events))
    sound = "".join(lines).encode()
    head = json.loads(lines[-1])["hash"]
    journal = Journal((Seal(run, len(lines), head),), "", None)

    def read(data: bytes) -> None:
        checks = verify_data(data, run)
        bad = any(check.tampering for check in checks) or against(journal, checks, whole=True)
        if not bad and data != sound:
            raise Accepted("a changed trace verifies")
        file.write_bytes(data)
        _, events = read_events(file)
        require_content(run, events, "read")
        fold(events)
        list(spends_of(run, events))
        diff_events(played[0].events, events)
        for event in events:
            list(event_lines(event, canonical_text))

    return Kind("trace", [sound], read, (Problem,))


def recordings_kind(file: Path, loaded: LoadedSet) -> Kind:
    turns = [GET, CANCEL, SAY]
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "cancel my order"},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "c", "type": "function",
         "function": {"name": "get_order", "arguments": '{"order_id": "o_1"}'}}]},
        {"role": "tool", "tool_call_id": "c", "content": "{}"},
        {"role": "assistant", "content": "Done."},
    ]  # fmt: skip
    runs = [
        {"scenario": "a", "trial": 1, "model": "m", "turns": turns, "end": "answered"},
        {"scenario": "b", "messages": messages, "cost": "0.01"},
    ]
    chat = json.dumps({"messages": messages, "metadata": {"scenario": "a"}}).encode()
    seeds = ["\n".join(map(json.dumps, runs)).encode() + b"\n", chat + b"\n"]

    def read(data: bytes) -> None:
        file.write_bytes(data)
        read_runs([RunsFile(file)], loaded)

    return Kind("recordings", seeds, read, (Problem,))


def cassette_kind(file: Path, loaded: LoadedSet) -> Kind:
    """Return cassettes; an answer that was changed is never the model's own."""
    harness = Harness(loaded.bundle)
    cassette, said = Cassette(), set[str]()
    for entry in loaded.scenarios():
        scenario = entry.scenario
        source = ModelSource(live=lambda one=scenario: ScriptedModel(one.turns))
        recorder = TrialModels(harness, source).recorder(scenario.id, 1)
        play_trial(harness, scenario, loaded.tables, set_name="orders", now=loaded.head.now,
                   model=recorder)  # fmt: skip
        cassette.put(scenario.id, 1, recorder.exchanges)
        said |= {answer_digest(one.turn) for one in recorder.exchanges}
    assert said
    sound = "".join(cassette.text({})).encode()

    def read(data: bytes) -> None:
        file.write_bytes(data)
        found = read_cassette(file)
        for scenario, trial in found:
            for one in found.exchanges(scenario, trial):
                own = one.turn.digest is not None and not one.edited
                if own and answer_digest(one.turn) not in said:
                    raise Accepted("a changed answer counts as the model's own")

    return Kind("cassette", [sound], read, (Problem,))


def report_kind(file: Path, loaded: LoadedSet) -> Kind:
    sound = report_json_text([evaluate_set(loaded, EvalPlan(keep="none"))]).encode()

    def read(data: bytes) -> None:
        file.write_bytes(data)
        read_report(file)

    return Kind("report", [sound], read, (Problem,))


def openapi_kind(file: Path) -> Kind:
    shop = {
        "openapi": "3.1.0",
        "info": {"title": "Shop", "version": "1"},
        "servers": [{"url": "https://shop.example/v1"}],
        "components": {
            "schemas": {"Order": {"type": "object", "properties": {"id": {"type": "string"}}}},
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}},
        },
        "security": [{"key": []}],
        "paths": {
            "/orders/{id}": {
                "parameters": [{"name": "id", "in": "path", "required": True,
                                "schema": {"type": "string"}}],
                "get": {"operationId": "getOrder", "responses": {"200": {"description": "ok",
                        "content": {"application/json": {
                            "schema": {"$ref": "#/components/schemas/Order"}}}}}},
                "put": {"requestBody": {"content": {"application/json": {
                        "schema": {"$ref": "#/components/schemas/Order"}}}}, "responses": {}},
            }
        },
    }  # fmt: skip
    old = {
        "swagger": "2.0",
        "info": {"title": "Old", "version": "1"},
        "host": "old.example",
        "paths": {"/a": {"post": {"consumes": ["application/x-www-form-urlencoded"],
                  "parameters": [{"name": "q", "in": "formData", "type": "string"}],
                  "responses": {"200": {"schema": {"type": "object"}}}}}},
    }  # fmt: skip
    seeds = [json.dumps(one).encode() for one in (shop, old)]
    seeds.append((TESTS / "imports/clinic.yaml").read_bytes())

    def read(data: bytes) -> None:
        file.write_bytes(data)
        imported = import_openapi(openapi_document(str(file)), "shop")
        read_back(imported.manifest)

    return Kind("openapi", seeds, read, (Problem,))


def read_back(manifest: Any) -> None:
    """Hold what is imported to be what is read from the file it is written into."""
    written = parse_yaml(to_yaml(manifest), "written.yaml")
    if written.data != manifest:
        raise Accepted("what was written is not what was imported")


def answer_seeds() -> list[bytes]:
    content: list[Sequence[dict[str, Any]]] = [
        [{"type": "text", "text": '{"a": 1}'}],
        [{"type": "image", "data": "aGk=", "mimeType": "image/png"}, {"type": "text", "text": "x"}],
        [{"type": "resource", "resource": {"uri": "file:///a", "text": "a"}}],
    ]
    results = [{"content": one, "isError": False} for one in content]
    results.append({"content": [], "structuredContent": {"written": 1, "by": {"id": "a"}}})
    answers = [{"jsonrpc": "2.0", "id": 1, "result": one} for one in results]
    answers.append({"jsonrpc": "2.0", "id": 1, "error": {"code": -32602, "message": "no"}})
    answers.append({"jsonrpc": "2.0", "id": 1, "result": {"tools": tool_listing()}})
    asks = {"mode": "form", "message": "who?", "requestedSchema": {"type": "object"}}
    answers.append({"jsonrpc": "2.0", "id": 7, "method": "elicitation/create", "params": asks})
    return [json.dumps(one).encode() for one in answers]


def tool_listing() -> list[dict[str, Any]]:
    path = {"type": "object", "required": ["path"], "properties": {"path": {"type": "string"}}}
    return [
        {"name": "read_file", "description": "Read.", "inputSchema": path,
         "annotations": {"readOnlyHint": True}},
        {"name": "write_file", "inputSchema": {**path, "$defs": {"a": {"$ref": "#"}}},
         "outputSchema": {"type": "object"}},
    ]  # fmt: skip


def message_kind() -> Kind:
    """Return messages of an MCP server, read as the connection reads them."""

    def read(data: bytes) -> None:
        check, screening = AnswerCheck(), Screening()
        check.asked(b'{"jsonrpc":"2.0","id":1,"method":"tools/call"}')
        passed = check.checked(data)
        if passed is None:
            return
        message = jsonrpc_message_adapter.validate_json(passed, by_name=False)
        screening.screen(message)
        if isinstance(message, types.JSONRPCResponse) and "tools" in message.result:
            types.ListToolsResult.model_validate(message.result)
        elif isinstance(message, types.JSONRPCResponse):
            called_result(types.CallToolResult.model_validate(message.result), None, 100_000)

    return Kind("mcp message", answer_seeds(), read, (ValidationError,))


def tools_kind() -> Kind:
    seeds = [json.dumps(tool_listing()).encode()]

    def read(data: bytes) -> None:
        listed = types.ListToolsResult.model_validate({"tools": json.loads(data)})
        tools = [
            tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed.tools
        ]
        server = {"command": ["server"]}
        read_back(import_definitions("files", server, tools).manifest)

    return Kind("mcp tools", seeds, read, (Problem, ValidationError, ValueError, RecursionError))


@pytest.fixture(params=list(TRIED))
def kind(request: pytest.FixtureRequest, tmp_path: Path, loaded: LoadedSet) -> Kind:
    file = tmp_path / "damaged"
    match request.param:
        case "yaml":
            return yaml_kind()
        case "project":
            return project_kind(tmp_path)
        case "trace":
            return trace_kind(file, loaded)
        case "recordings":
            return recordings_kind(file.with_suffix(".jsonl"), loaded)
        case "cassette":
            return cassette_kind(file, loaded)
        case "report":
            return report_kind(file, loaded)
        case "openapi":
            return openapi_kind(file)
        case "mcp message":
            return message_kind()
        case _:
            return tools_kind()


def test_what_is_sound_is_read(kind: Kind):
    """The examples that are damaged are sound themselves, or no damage would mean anything."""
    for seed in kind.seeds:
        kind.read(seed)


def test_damaged_input_is_a_problem_and_nothing_else(kind: Kind):
    """No internal error, no hang, no flood of memory, and nothing damaged is accepted."""
    assert fuzz(kind, 1, TRIED[kind.name]) == []


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 2 + MORE))
def test_much_damaged_input_is_a_problem_and_nothing_else(kind: Kind, seed: int):
    """The same with other damage, twenty times as much of it."""
    assert fuzz(kind, seed, TRIED[kind.name]) == []


def test_a_reader_that_breaks_hangs_or_accepts_is_found():
    """The search finds what it looks for, and the same on every machine."""

    def breaks(data: bytes) -> None:
        if b"x" not in data:
            raise KeyError("x")

    found = fuzz(Kind("any", [b"axbxc"], breaks, ()), 3, 200)
    assert found
    assert found == fuzz(Kind("any", [b"axbxc"], breaks, ()), 3, 200)
    assert all(find.why == "KeyError: 'x'" for find in found)
    assert fuzz(Kind("any", [b"axbxc"], breaks, (KeyError,)), 3, 200) == []
