"""Import a large OpenAPI document, check what it became, and count CPU and memory.

    python -m benchmarks.importing [--format json] [--operations N] [--megabytes N]

A JSON document is generated: 13 MB, 1,200 operations in 40 tags, nested schemas behind references,
examples, lists in queries, forms. It is imported by `agentctl tools import` in a process of its
own, at no more than 20 CPU seconds and 400 MB, into one manifest for each tag; `agentctl check` of
the project then takes at most 5 CPU seconds, with the cache that a first check filled.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.output import BenchmarkResult, byte_compile, options, show

OPERATIONS = 1_200
MEGABYTES = 13.0
TAGS = 40
MOST_IMPORT_S = 20.0
MOST_IMPORT_MB = 400.0
MOST_CHECK_S = 5.0
HEADER = ("what", "of", "CPU s", "at most", "MB", "at most")
Object = dict[str, Any]


class ImportTiming(NamedTuple):
    """What one command costs."""

    name: str
    size: str
    cpu_s: float
    most_s: float
    megabytes: float
    most_mb: float | None

    @property
    def good(self) -> bool:
        """Whether both bounds hold."""
        return self.cpu_s <= self.most_s and (
            self.most_mb is None or self.megabytes <= self.most_mb
        )


def made_document(operations: int, megabytes: float) -> str:
    """Return an OpenAPI document of so many operations, as JSON of about that size."""
    paths: Object = {}
    for number in range(operations // 2):
        tag = f"group-{number % TAGS}"
        paths[f"/{tag}/things{number}/{{thing_id}}"] = {
            "get": _operation(number, "get", tag),
            "post": _operation(number, "post", tag),
        }
    document = {
        "openapi": "3.0.3",
        "info": {"title": "Made", "version": "1"},
        "servers": [{"url": "https://api.example.org"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {f"Thing{level}": _schema(level) for level in range(8)},
        },
    }
    text = json.dumps(document)
    missing = int(megabytes * 1_000_000) - len(text)
    # Documents are long because of their prose: it is spread over the operations.
    words = "Words that explain an operation at length. " * (missing // operations // 43 + 1)
    for item in paths.values():
        for operation in item.values():
            operation["description"] = words
    return json.dumps(document)


def _operation(number: int, method: str, tag: str) -> Object:
    result = {"$ref": f"#/components/schemas/Thing{number % 8}"}
    found: Object = {
        "operationId": f"{method}Thing{number}",
        "summary": f"{method.title()} one thing of {tag}.",
        "tags": [tag],
        "parameters": [
            {"name": "thing_id", "in": "path", "required": True, "schema": {"type": "string"}},
            {"name": "fields", "in": "query", "explode": False, "schema": {"type": "array"}},
            {"name": "page", "in": "query", "schema": {"type": "integer", "minimum": 1}},
        ],
        "responses": {"200": {"content": {"application/json": {"schema": result}}}},
    }
    if method == "post":
        kind = "application/json" if number % 3 else "application/x-www-form-urlencoded"
        found["requestBody"] = {"content": {kind: {"schema": result}}}
    return found


def _schema(level: int) -> Object:
    properties: Object = {
        f"field{n}": {"type": "string", "description": "A field of it.", "maxLength": 80}
        for n in range(6)
    }
    if level:
        properties["inner"] = {"$ref": f"#/components/schemas/Thing{level - 1}"}
    properties["kinds"] = {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}}
    return {"type": "object", "required": ["field0"], "properties": properties}


def measure(operations: int, megabytes: float) -> list[ImportTiming]:
    """Import a document and check the project twice."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        text = made_document(operations, megabytes)
        (root / "made.json").write_text(text)
        (root / "agentctl.yaml").write_text("kind: Project\n")
        size = f"{len(text) / 1_000_000:.1f} MB, {operations} operations"
        imported = _command(root, "tools", "import", "made.json")
        manifests = len(list((root / "tools").rglob("*.yaml")))
        _command(root, "check")
        checked = _command(root, "check")
    return [
        ImportTiming("import", size, imported[0], MOST_IMPORT_S, imported[1], MOST_IMPORT_MB),
        ImportTiming("check, warm", f"{manifests} manifests", checked[0], MOST_CHECK_S,
                     checked[1], None),
    ]  # fmt: skip


def _command(folder: Path, *words: str) -> tuple[float, float]:
    """Run a command; return its CPU seconds and the most memory it took, in MB."""
    program = (
        "import os, resource, subprocess, sys\n"
        "done = subprocess.run(sys.argv[1:], capture_output=True)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(done.returncode, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000)\n"
        "sys.stderr.buffer.write(done.stderr)\n"
    )
    command = [sys.executable, "-c", program, sys.executable, "-m", "agentctl", *words]
    paths = os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), *sys.path]))
    environment = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    code, cpu, memory = done.stdout.split()
    if code != "0":
        raise RuntimeError(f"agentctl {' '.join(words)} ended with {code}: {done.stderr[-500:]}")
    return float(cpu), float(memory)


def report(found: Sequence[ImportTiming]) -> BenchmarkResult:
    """Return what is shown."""
    rows = [
        (
            one.name, one.size, f"{one.cpu_s:.1f}", f"{one.most_s:g}", f"{one.megabytes:.0f}",
            f"{one.most_mb:g}" if one.most_mb else "",
        )
        for one in found
    ]  # fmt: skip
    good = all(one.good for one in found)
    figure = f"import {found[0].cpu_s:.1f} CPU s, check {found[1].cpu_s:.1f} CPU s: " + (
        "every bound holds" if good else "a bound is broken"
    )
    data = {"timings": [{**one._asdict(), "good": one.good} for one in found]}
    return BenchmarkResult("Importing a large document", HEADER, rows, (), figure, good, data)


def main() -> int:
    """Run the benchmark."""
    parser = options(__doc__ or "")
    parser.add_argument("--operations", type=int, default=OPERATIONS)
    parser.add_argument("--megabytes", type=float, default=MEGABYTES)
    given = parser.parse_args()
    byte_compile()
    return show(report(measure(given.operations, given.megabytes)), given.format)


__all__ = ["ImportTiming", "made_document", "measure", "report"]

if __name__ == "__main__":
    sys.exit(main())
