"""Tools that ask a database: what is bound, what is read, and what the database itself refuses."""

import sqlite3
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agentctl.core.errors import Problem
from agentctl.core.messages import ToolResult
from agentctl.toolbox.backends import LiveTools
from agentctl.toolbox.port import BackendCall, Opening
from agentctl.toolbox.sql.databases import READS_ONLY
from agentctl.toolbox.sql.wording import without_arguments
from agentctl.toolbox.variables import variables_of
from tests.support.build import bundle

NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
ENDLESS = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A shop's database beside the manifest."""
    file = tmp_path / "shop.db"
    with sqlite3.connect(file) as db:
        db.execute(
            "create table orders (id text primary key, customer_id text not null, total real,"
            " at text, proof blob)"
        )
        rows = [(f"o_{n}", f"cus_{n % 2}", n * 10.5, "2026-01-15", b"\x00\xff") for n in range(6)]
        db.executemany("insert into orders values (?, ?, ?, ?, ?)", rows)
    db.close()
    return file


def opened(
    folder: Path, query: str, url: str = "sqlite:///shop.db", effect: str = "", **live: Any
) -> LiveTools:
    raw = {
        "name": "ask",
        "description": "Ask.",
        "effect": effect or ("internal_write" if live.get("writes") else "none"),
        "live": {"kind": "sql", "server": "warehouse", "query": query, **live},
    }
    owner = bundle(tools=[raw], servers={"warehouse": {"url": url}}, folder=folder)
    return LiveTools(Opening(owner, variables_of(owner)))


def ask(folder: Path, query: str, args: dict[str, Any] | None = None, **live: Any) -> ToolResult:
    backend = opened(folder, query, **live)
    result = backend.send("ask", BackendCall(args or {}, {}, NOW), None)
    backend.close()
    return result


def error(result: ToolResult) -> tuple[str, str]:
    assert result.error is not None
    return result.error


def rows(file: Path, query: str = "select id from orders order by id") -> list[Any]:
    db = sqlite3.connect(file)
    try:
        return [row[0] for row in db.execute(query)]
    finally:
        db.close()


def test_records_come_back_as_a_list(shop: Path):
    """One record is a list of one; none is an empty list."""
    query = "select id, total from orders where customer_id = :who and total > :least order by id"
    found = ask(shop.parent, query, {"who": "cus_1", "least": 20})
    assert found.value == [{"id": "o_3", "total": 31.5}, {"id": "o_5", "total": 52.5}]
    assert ask(shop.parent, query, {"who": "nobody", "least": 0}).value == []


@pytest.mark.parametrize(
    "given",
    [
        "' or '1'='1", "cus_1'; drop table orders; --", "cus_1' --", '" or 1=1 --', "\\' or 1=1",
        ":who", "%(who)s", "cus_1/*", "cus\x001",
    ],
)  # fmt: skip
def test_what_a_model_writes_is_a_value_and_never_sql(shop: Path, given: str):
    """It arrives whole, compares with nothing, and does nothing."""
    assert ask(shop.parent, "select :who as got", {"who": given}).value == [{"got": given}]
    assert ask(shop.parent, "select id from orders where id = :who", {"who": given}).value == []
    assert len(rows(shop)) == 6


def test_colons_in_literals_and_comments_are_left_alone(shop: Path):
    """Only a name outside of them is an argument."""
    query = "select ':no 12:30' as a, \"id\" as b, :id as c from orders /* :x */ limit 1 -- :y"
    assert ask(shop.parent, query, {"id": 3}).value == [{"a": ":no 12:30", "b": "o_0", "c": 3}]


def test_an_argument_that_was_left_out_is_null(shop: Path):
    """An optional filter is written with it."""
    query = "select count(*) as n from orders where :who is null or customer_id = :who"
    assert ask(shop.parent, query).value == [{"n": 6}]
    assert ask(shop.parent, query, {"who": "cus_0"}).value == [{"n": 3}]


def test_a_list_is_bound_as_its_json_text(shop: Path):
    """The database can take it apart."""
    query = "select id from orders where id in (select value from json_each(:ids)) order by id"
    assert ask(shop.parent, query, {"ids": ["o_1", "o_4"]}).value == [{"id": "o_1"}, {"id": "o_4"}]


def test_what_json_has_no_form_for_is_text(shop: Path):
    """Bytes are base64, integers beyond 2^53 their digits, an infinity its name."""
    query = "select proof, 9007199254740993 as big, 9e999 as huge, null as none from orders limit 1"
    assert ask(shop.parent, query).value == [
        {"proof": "AP8=", "big": "9007199254740993", "huge": "inf", "none": None}
    ]


@pytest.mark.parametrize(
    "query",
    [
        "delete from orders",
        "update orders set total = 0",
        "insert into orders (id, customer_id) values ('x', 'y') returning id",
        "create table t (x)",
        "drop table orders",
        "pragma user_version = 7",
    ],
)
def test_the_database_itself_refuses_a_write_of_a_tool_that_reads(shop: Path, query: str):
    """Nothing depends on understanding the statement."""
    before = shop.read_bytes()
    kind, message = error(ask(shop.parent, query))
    assert (kind, message) == ("forbidden", READS_ONLY)
    assert shop.read_bytes() == before


@pytest.mark.parametrize("query", ["attach database 'FILE' as other", "vacuum into 'FILE'"])
@pytest.mark.parametrize("writes", [False, True])
def test_no_tool_reaches_another_file(shop: Path, query: str, writes: bool):
    """Nor creates one, which SQLite would even where it opened the first for reading only."""
    result = ask(shop.parent, query.replace("FILE", f"{shop.parent}/new.db"), writes=writes)
    assert error(result)[0] == "forbidden"
    assert [path.name for path in shop.parent.iterdir()] == ["shop.db"]


@pytest.mark.parametrize("writes", [False, True])
def test_a_second_statement_is_refused_by_the_driver_too(shop: Path, writes: bool):
    """`check` says it at its place; without `check`, only the first is ever sent."""
    ask(shop.parent, "select 1; delete from orders", writes=writes)
    assert len(rows(shop)) == 6


def test_a_write_is_committed_and_counted(shop: Path):
    """A statement that returns rows returns them."""
    query = "update orders set total = :total where customer_id = 'cus_0'"
    assert ask(shop.parent, query, {"total": 1}, writes=True) == ToolResult({"changed": 3})
    assert rows(shop, "select count(*) from orders where total = 1") == [3]
    query = "delete from orders where id = :id returning id, total"
    deleted = ask(shop.parent, query, {"id": "o_1"}, writes=True)
    assert deleted.value == [{"id": "o_1", "total": 10.5}]
    assert len(rows(shop)) == 5


@pytest.mark.parametrize("query", ["delete from orders", "delete from orders returning id"])
def test_a_write_of_more_rows_than_it_may_changes_nothing(shop: Path, query: str):
    """It is undone before it is committed."""
    result = ask(shop.parent, query, writes=True, max_rows=5)
    assert error(result)[0] == "invalid"
    assert error(result)[1].endswith("nothing was changed")
    assert not result.sent
    assert len(rows(shop)) == 6


def test_a_write_that_the_database_refuses_is_a_conflict_and_undone(shop: Path):
    """And surely did not happen."""
    query = "insert into orders (id, customer_id) values (:id, :who)"
    result = ask(shop.parent, query, {"id": "o_1", "who": "cus_1"}, writes=True)
    assert error(result) == ("conflict", "UNIQUE constraint failed: orders.id")
    assert not result.sent


def test_more_rows_than_it_may_return_are_refused(shop: Path):
    """A part of the records would be taken for all of them."""
    assert len(ask(shop.parent, "select * from orders", max_rows=6).value) == 6
    result = ask(shop.parent, "select * from orders", max_rows=5)
    assert error(result) == ("invalid_output", "more than 5 rows; narrow the query")


def test_endless_records_are_refused_as_they_come(shop: Path):
    """No more is read than may be told."""
    query = ENDLESS.replace("max(i)", "i, 'some text that is long enough' as t")
    began = time.monotonic()
    result = ask(shop.parent, query, max_rows=10_000_000, max_bytes=100_000)
    assert error(result) == ("invalid_output", "the records are longer than 100000 bytes")
    assert time.monotonic() - began < 3


def test_two_columns_of_one_name_are_refused(shop: Path):
    """One of them would be lost."""
    result = ask(shop.parent, "select a.id, b.id from orders a join orders b on a.id = b.id")
    assert error(result) == ("invalid_output", "two columns are called `id`; name one with `as`")


def test_a_statement_that_takes_too_long_is_broken_off(shop: Path):
    """From another thread, since it never comes back by itself."""
    began = time.monotonic()
    result = ask(shop.parent, ENDLESS, timeout_s=0.3)
    assert error(result) == ("timeout", "the statement took too long; it was undone")
    assert time.monotonic() - began < 3


def test_a_locked_database_is_waited_for_and_then_unavailable(shop: Path):
    """The write surely did not happen."""
    other = sqlite3.connect(shop, isolation_level=None)
    other.execute("begin immediate")
    began = time.monotonic()
    result = ask(shop.parent, "delete from orders", writes=True, timeout_s=0.3)
    other.close()
    assert error(result)[0] in ("timeout", "unavailable")
    assert not result.sent
    assert 0.2 < time.monotonic() - began < 3
    assert len(rows(shop)) == 6


def test_a_broken_query_is_told_without_its_text(shop: Path):
    """Nor with the arguments."""
    result = ask(shop.parent, "select secret_column from orders where id = :id", {"id": "o_17"})
    assert error(result) == ("internal", "no such column: secret_column")


@pytest.mark.parametrize("value", ["secret word", "$[secret"])
def test_an_error_never_shows_the_value_of_an_argument(shop: Path, value: str):
    """SQLite quotes it, or the part it stumbled over."""
    found = ask(shop.parent, "select json_extract('{}', :path)", {"path": value})
    kind, said = error(found)
    assert (kind, "secret" in said, "'***'" in said) == ("internal", False, True)


def test_a_trigger_that_repeats_a_value_does_not_show_it(shop: Path):
    """Nor a number, nor a part of a longer text."""
    shown = without_arguments("order 4711 of 'Ana' at Main Street 5: 14711 is \"fine\"", {
        "order": 4711, "who": ["ana maria"], "at": {"street": "Main Street 5"}
    })  # fmt: skip
    assert shown == "order *** of '***' at ***: 14711 is \"fine\""


def test_a_value_that_cannot_be_read_is_not_repeated(shop: Path):
    """The driver's own words would show it."""
    result = ask(shop.parent, "select cast(x'70617373ff' as text) as word")
    assert error(result) == ("internal", "the driver refused it: OperationalError")


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("sqlite:///none.db", "bad-database"),
        ("sqlite://", "bad-database"),
        ("mysql://app:hunter2@db/shop", "bad-database"),
        ("hunter2 is no url", "bad-database"),
        ("postgresql://app:hunter2@db:port/shop", "bad-database"),
    ],
)
def test_a_database_that_cannot_be_is_an_error_when_the_run_begins(shop: Path, url: str, code: str):
    """The address is not shown: a password stands in it."""
    with pytest.raises(Problem) as raised:
        opened(shop.parent, "select 1", url)
    (found,) = raised.value.diagnostics
    assert found.code == code
    assert "hunter2" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_the_address_comes_from_the_environment(shop: Path, monkeypatch: pytest.MonkeyPatch):
    """Where it is not set, the run does not begin."""
    with pytest.raises(Problem, match="needs the environment variable SHOP_DB"):
        opened(shop.parent, "select 1", "${SHOP_DB}")
    monkeypatch.setenv("SHOP_DB", f"sqlite:///{shop}")
    assert ask(shop.parent, "select 1 as n", url="${SHOP_DB}").value == [{"n": 1}]


def test_a_call_leaves_no_open_file_and_no_thread(shop: Path):
    """However it ended."""
    backends = [opened(shop.parent, query, timeout_s=0.2) for query in ("select 1 as n", ENDLESS)]
    for backend in backends:
        backend.send("ask", BackendCall({}, {}, NOW), None)
    fds = Path("/proc/self/fd") if sys.platform == "linux" else shop.parent
    open_files, threads = len(list(fds.iterdir())), threading.active_count()
    for backend in backends * 3:
        backend.send("ask", BackendCall({}, {}, NOW), None)
    assert len(list(fds.iterdir())) == open_files
    assert threading.active_count() == threads


@pytest.mark.parametrize("missing", ["sqlalchemy", "psycopg"])
def test_a_missing_package_is_named_with_the_way_out(shop: Path, missing: str):
    """`sql` is an extra; psycopg is needed for PostgreSQL only."""
    code = f"""
import sys
sys.modules[{missing!r}] = None
from pathlib import Path
from agentctl.core.errors import Problem
from tests.toolbox.test_sql_tools import opened
try:
    opened(Path({str(shop.parent)!r}), "select 1", "postgresql://app:x@localhost/shop")
except Problem as problem:
    print(problem.diagnostics[0].code, problem.diagnostics[0].hint)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "missing-extra pip install 'agentctl[sql]'\n"
