"""The pages written from the code are those the code would write."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

from agentctl.specs.checks.tools.manifests import manifest_problems
from agentctl.specs.reading.decode import decode
from agentctl.specs.reading.yaml import parse_yaml
from agentctl.specs.shapes.tools import ToolManifest

ROOT = Path(__file__).parent.parent.parent


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_up_to_date():
    """Whoever changes a spec model runs `python docs/generate.py`."""
    for name, text in generator().pages().items():
        assert (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8") == text, name


def test_every_link_between_the_documents_leads_somewhere():
    """A relative link names a file that is there."""
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} -> {target}"


def test_every_attack_of_the_security_page_names_a_test_that_exists():
    """A table that promises a test nobody runs would be worse than none."""
    page = (ROOT / "docs" / "security.md").read_text()
    named = re.findall(r"`(tests/\w+/test_\w+\.py)::(test_\w+)`", page)
    assert len(named) >= 60
    for file, name in named:
        assert f"def {name}(" in (ROOT / file).read_text(), f"{file}::{name}"


def test_every_manifest_in_a_document_is_sound():
    """What a page shows as a whole manifest passes `agentctl check`."""
    found = 0
    for page in (ROOT / "docs").glob("*.md"):
        for block in re.findall(r"```yaml\n(kind: ToolManifest\n.*?)```", page.read_text(), re.S):
            source = parse_yaml(block, page.name)
            manifest = decode(ToolManifest, source.data, source)
            assert list(manifest_problems(manifest, source, manifest.tables)) == []
            found += 1
    assert found
