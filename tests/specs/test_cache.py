"""Parsed golden sets are kept; what is stale, damaged or foreign is never used and never fatal."""

import json
import time
import tracemalloc

import pytest

from agentctl.specs.loading import sets
from agentctl.specs.loading.project import Project
from agentctl.specs.reading.yaml import MAX_BYTES
from tests.support.project import make, passing


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.delenv("AGENTCTL_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    make(tmp_path, [passing("one"), passing("two", input="ü\u2028\tx")])
    return tmp_path


def scenarios(root):
    return [one.scenario for one in Project.find(root).golden_set("orders").scenarios()]


def cached(root):
    """Return the one file of the cache."""
    (file,) = (root / ".agentctl" / "cache").glob("orders-*.set")
    return file


def count_readings(monkeypatch) -> list[str]:
    """Return a list that grows whenever the set's YAML is parsed."""
    read: list[str] = []
    parse = sets._load_fresh
    monkeypatch.setattr(sets, "_load_fresh", lambda *given: (read.append("read"), parse(*given))[1])
    return read


def test_a_set_is_parsed_once(root, monkeypatch):
    """The second load gives the same scenarios, lines, world and head without the YAML."""
    read = count_readings(monkeypatch)
    fresh, again = (Project.find(root).golden_set("orders") for _ in range(2))
    assert read == ["read"]
    assert list(again.scenarios()) == list(fresh.scenarios())
    assert again.tables == fresh.tables
    assert (again.name, len(again), again.head.now) == (fresh.name, 2, fresh.head.now)
    assert list(again.scenarios()) == list(again.scenarios())


@pytest.mark.parametrize(
    "file",
    ["golden_sets/orders.yaml", "golden_sets/worlds/shop.yaml", "agents/order-desk.yaml",
     "agents/policy.yaml", "tools/orders.yaml"],
)  # fmt: skip
def test_a_change_of_anything_it_was_checked_against_is_seen(root, monkeypatch, file):
    """A set is read anew when it, its world, its agent, policy or manifest means something else."""
    scenarios(root)
    read = count_readings(monkeypatch)
    text = (root / file).read_text()
    changes = {
        "golden_sets/orders.yaml": ("cancel my order", "cancel it"),
        "golden_sets/worlds/shop.yaml": ("49.9", "50"),
        "agents/order-desk.yaml": ("Help with orders", "Help"),
        "agents/policy.yaml": ("id: writes", "id: cancels"),
        "tools/orders.yaml": ("Read one order", "Read an order"),
    }
    (root / file).write_text(text.replace(*changes[file]))
    scenarios(root)
    assert read == ["read"]


def test_no_damage_is_fatal_or_believed(root):
    """Whatever byte is lost or changed, the scenarios are those of the file."""
    wanted = scenarios(root)
    good = cached(root).read_bytes()
    damaged = [
        b"",
        b"{}",
        b"\xff" * 40,
        b"[]\n[]\n[]\n",
        good[:-1],
        good + b"x",
        good[: len(good) // 2],
    ]
    damaged += [good[:i] + bytes([good[i] ^ 1]) + good[i + 1 :] for i in range(0, len(good), 97)]
    damaged.append(good.replace(b"order-desk", b"other-desk"))
    for content in damaged:
        cached(root).write_bytes(content)
        assert scenarios(root) == wanted
    file = cached(root)
    file.unlink()
    file.mkdir()
    assert scenarios(root) == wanted


def test_a_cache_of_another_version_is_not_used(root, monkeypatch):
    """What another version stored is read anew."""
    scenarios(root)
    read = count_readings(monkeypatch)
    monkeypatch.setattr("agentctl.specs.reading.cache.__version__", "0.0.0")
    scenarios(root)
    assert read == ["read"]


def test_sets_of_one_name_in_two_folders_do_not_share_a_cache(root, monkeypatch):
    """Two files called alike are each parsed once, whichever is asked for first."""
    other = root / "elsewhere" / "orders.yaml"
    other.parent.mkdir()
    text = (root / "golden_sets" / "orders.yaml").read_text()
    other.write_text(text.replace('"one"', '"uno"').replace("worlds/", "../golden_sets/worlds/"))
    read = count_readings(monkeypatch)
    for _ in range(2):
        assert Project.find(root).golden_set("orders").ids() == ["one", "two"]
        assert Project.find(root).golden_set(str(other)).ids() == ["uno", "two"]
    assert read == ["read", "read"]


def test_a_set_with_problems_is_not_kept(root):
    """Problems are told every time."""
    make(root, [passing("one", faults=[{"tool": "nope", "fault": "timeout"}])], name="bad")
    for _ in range(2):
        with pytest.raises(Exception, match="no tool `nope`"):
            Project.find(root).golden_set("bad")
    assert list((root / ".agentctl" / "cache").glob("bad-*")) == []


def test_a_cache_that_cannot_be_written_is_no_error(root, monkeypatch):
    """A file where the folder should be, or a full disk, only costs time."""
    (root / ".agentctl").write_text("in the way")
    assert len(scenarios(root)) == 2
    (root / ".agentctl").unlink()

    def full(*_given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", full)
    assert len(scenarios(root)) == 2
    assert list((root / ".agentctl" / "cache").iterdir()) == []


def test_a_set_that_changes_while_it_is_streamed_stays_what_it_was(root):
    """Scenarios that are being read do not mix with those another process has just stored."""
    scenarios(root)
    stream = Project.find(root).golden_set("orders").scenarios()
    first = next(stream)
    make(root, [passing("other" * 9)])
    scenarios(root)
    assert [first.scenario.id, *(one.scenario.id for one in stream)] == ["one", "two"]


def test_the_cache_moves_with_the_folder_for_state(root, tmp_path, monkeypatch):
    """`AGENTCTL_HOME` moves what is generated."""
    monkeypatch.setenv("AGENTCTL_HOME", str(tmp_path / "home"))
    scenarios(root)
    assert len(list((tmp_path / "home" / "cache").glob("orders-*.set"))) == 1
    assert not (root / ".agentctl").exists()


def test_a_cached_set_is_quick_to_read(root):
    """A thousand scenarios come from the cache in a small part of a second of CPU time."""
    make(root, [passing(f"case-{number}") for number in range(1000)])
    scenarios(root)
    project = Project.find(root)
    project.agent("order-desk")
    started = time.process_time()
    assert sum(1 for _ in project.golden_set("orders").scenarios()) == 1000
    assert time.process_time() - started < 0.5


def test_lines_are_kept(root):
    """A scenario from the cache still knows its line in the file."""
    text = (root / "golden_sets" / "orders.yaml").read_text().splitlines()
    for _ in range(2):
        for one in Project.find(root).golden_set("orders").scenarios():
            assert json.dumps(one.scenario.id) in text[one.line - 1]


def test_json_lines_of_any_size_are_read(root, monkeypatch):
    """A set in JSON Lines may be larger than a YAML file, and stays out of memory."""
    head = {"kind": "GoldenSet", "agent": "order-desk", "world": "worlds/shop.yaml",
            "defaults": {"principal": {"id": "cus_7"}}}  # fmt: skip
    rows = [passing(f"case-{n}", description="long " * 20_000) for n in range(100)]
    file = root / "golden_sets" / "large.jsonl"
    file.write_text("\n".join(map(json.dumps, [head, *rows])))
    assert file.stat().st_size > MAX_BYTES
    tracemalloc.start()
    for _ in range(2):
        found = Project.find(root).golden_set("golden_sets/large.jsonl")
        assert [(one.line, one.scenario.id) for one in found.scenarios()] == [
            (n + 2, f"case-{n}") for n in range(100)
        ]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < file.stat().st_size / 2


def test_two_readers_of_one_set_do_not_disturb_each_other(root):
    """Streams of the same set may be read in turns."""
    make(root, [passing(f"case-{number}", description="x" * 5000) for number in range(40)])
    scenarios(root)
    loaded = Project.find(root).golden_set("orders")
    pairs = list(zip(loaded.scenarios(), loaded.scenarios(), strict=True))
    assert [a.scenario.id for a, _ in pairs] == [b.scenario.id for _, b in pairs] == loaded.ids()
