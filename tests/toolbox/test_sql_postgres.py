"""Tools that ask PostgreSQL: a server started here, where one is installed."""

import gc
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentctl.core.messages import ToolResult
from agentctl.specs.checks.tools.queries import Statement
from agentctl.toolbox.sql import tools as sql
from agentctl.toolbox.sql.databases import READS_ONLY
from tests.support.postgres import PASSWORD, serving, why_not
from tests.toolbox.test_sql_tools import ENDLESS, error
from tests.toolbox.test_sql_tools import ask as ask_at

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(why_not() is not None, reason=why_not() or ""),
]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving() as (address, _):
        table = (
            "create table orders (id text primary key, customer_id text not null,"
            " total numeric(9, 2), at timestamptz, ref uuid, tags text[], more jsonb, proof bytea)"
        )
        ask_at(Path(), table, url=address, writes=True)
        row = (
            "insert into orders select 'o_' || n, 'cus_' || n % 2, n * 10.5,"
            " '2026-01-15T09:00:00Z', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{a,b}',"
            " '{\"n\": 1}', '\\x00ff' from generate_series(0, 5) n"
        )
        assert ask_at(Path(), row, url=address, writes=True).value == {"changed": 6}
        yield address


def ask(url: str, query: str, args: dict[str, Any] | None = None, **live: Any) -> ToolResult:
    return ask_at(Path(), query, args, url=url, **live)


def number(url: str) -> int:
    found: int = ask(url, "select count(*) as n from orders").value[0]["n"]
    return found


def test_records_come_back_as_json(url: str):
    """Decimals, moments, UUIDs and bytes are text; lists and objects stay what they are."""
    query = "select * from orders where id = :id"
    (record,) = ask(url, query, {"id": "o_1"}).value
    at = record.pop("at")
    assert at.startswith("2026-01-15T")
    assert record == {
        "id": "o_1",
        "customer_id": "cus_1",
        "total": "10.50",
        "ref": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "tags": ["a", "b"],
        "more": {"n": 1},
        "proof": "AP8=",
    }


@pytest.mark.parametrize(
    "given", ["' or '1'='1", "'; drop table orders; --", "%(id)s", "$1", ":id"]
)
def test_what_a_model_writes_is_a_value_and_never_sql(url: str, given: str):
    """Casts and remainders in the statement survive the binding."""
    query = "select :id::text as got, 7 % 4 as rest, '100%' as all"
    assert ask(url, query, {"id": given}).value == [{"got": given, "rest": 3, "all": "100%"}]
    assert ask(url, "select id from orders where id = :id", {"id": given}).value == []


@pytest.mark.parametrize(
    "query",
    [
        "select id from orders for update",
        "select nextval('numbers')",
    ],
)
def test_the_server_refuses_a_write_of_a_tool_that_reads(url: str, query: str):
    """In whatever form it comes."""
    ask(url, "create sequence if not exists numbers", writes=True)
    assert error(ask(url, query)) == ("forbidden", READS_ONLY)


@pytest.mark.parametrize(
    "query",
    [
        "delete from orders",
        "with gone as (delete from orders returning id) select * from gone",
        "set session characteristics as transaction read write",
        "create table other (x int)",
        "select set_config('transaction_read_only', 'off', true)",
        "commit",
    ],
)
def test_no_statement_gets_out_of_reading(url: str, query: str):
    """What is no query cannot even be read as one."""
    ask(url, query)
    assert number(url) == 6
    assert not ask(url, "select * from other").ok


def test_what_a_reader_leaves_behind_is_undone(url: str):
    """Some versions let large objects be made by a transaction that only reads."""
    ask(url, "select lo_create(0)")
    assert ask(url, "select count(*) as n from pg_largeobject_metadata").value == [{"n": 0}]


@pytest.mark.parametrize("writes", [False, True])
def test_a_second_statement_is_refused_by_the_server_too(url: str, writes: bool):
    """Even where the statement was not read right: each is prepared, so it can be but one."""
    for query in ("select 1; commit; delete from orders", "select E'\\''; delete from orders; --'"):
        ask(url, query, writes=writes)
        assert number(url) == 6


def test_the_server_refuses_two_statements_that_reach_it(url: str, monkeypatch: pytest.MonkeyPatch):
    """Should the reading of the statement fail."""

    monkeypatch.setattr(sql, "statement", lambda query: Statement(query, (), True))
    for writes in (False, True):
        result = ask(url, "select 1; commit; delete from orders", writes=writes)
        assert not result.ok
    assert number(url) == 6


def test_a_write_that_the_server_refuses_is_a_conflict_and_undone(url: str):
    """Without the row it is about, which may be another person's."""
    query = "insert into orders (id, customer_id) values (:id, :who)"
    result = ask(url, query, {"id": "o_1", "who": "cus_1"}, writes=True)
    assert error(result) == (
        "conflict",
        'duplicate key value violates unique constraint "orders_pkey"',
    )
    assert not result.sent


def test_a_constraint_that_is_checked_at_the_commit_undoes_the_write(url: str):
    """The server said so itself: it surely did not happen."""
    ask(
        url,
        "create table if not exists notes (id int, parent int unique,"
        " constraint self foreign key (id) references notes (parent)"
        " deferrable initially deferred)",
        writes=True,
    )
    result = ask(url, "insert into notes values (1, 2)", writes=True)
    assert error(result)[0] == "conflict"
    assert not result.sent


def test_a_value_that_the_driver_cannot_send_is_invalid(url: str):
    """The connection is well, and nobody need try again."""
    result = ask(url, "select :id as got", {"id": "a\0b"})
    assert error(result) == ("invalid", "the driver refused it: DataError")


def test_more_rows_than_it_may_are_refused_and_a_write_is_undone(url: str):
    """A reader stops in the middle of what the server would send."""
    began = time.monotonic()
    result = ask(url, ENDLESS.replace("max(i)", "i"), timeout_s=20)
    assert error(result) == ("invalid_output", "more than 1000 rows; narrow the query")
    assert time.monotonic() - began < 5
    assert len(ask(url, "select id from orders", max_rows=6).value) == 6
    assert error(ask(url, "delete from orders", writes=True, max_rows=5))[0] == "invalid"
    assert number(url) == 6


def test_a_statement_that_takes_too_long_is_ended_by_the_server(url: str):
    """And surely did nothing."""
    for writes in (False, True):
        began = time.monotonic()
        result = ask(url, "select pg_sleep(30)", timeout_s=0.4, writes=writes)
        assert error(result) == ("timeout", "the statement took too long; it was undone")
        assert not result.sent
        assert time.monotonic() - began < 5


def test_a_wrong_password_is_told_without_it():
    """Nor with the address."""
    with serving() as (address, _):
        result = ask(address.replace(PASSWORD, "wrong-word"), "select 1")
        said = "the database cannot be reached, or does not let this user in"
        assert error(result) == ("unavailable", said)
        assert not result.sent


@pytest.mark.filterwarnings("ignore:.*was deleted while still open:ResourceWarning")
@pytest.mark.parametrize("writes", [False, True])
def test_a_server_that_stops_answering_cannot_hold_a_run(writes: bool):
    """The connection is cut from here a second after the time-out."""
    with serving() as (address, server):
        stop = threading.Timer(0.6, _signal_all, (server.pid, signal.SIGSTOP))
        stop.start()
        began = time.monotonic()
        result = ask(address, "select pg_sleep(30)", timeout_s=2, writes=writes)
        _signal_all(server.pid, signal.SIGCONT)
        gc.collect()  # a cursor of a connection that was cut cannot be closed
        assert error(result) == ("timeout", "no answer within 2 s")
        assert time.monotonic() - began < 8


def test_a_server_that_dies_in_the_commit_leaves_a_doubt():
    """Whether it happened, nobody knows."""
    with serving() as (address, server):
        slow = (
            "create function slow() returns trigger language plpgsql as"
            " $$ begin perform pg_sleep(5); return null; end $$"
        )
        for query in (
            "create table t (x int)",
            slow,
            "create constraint trigger late after insert on t deferrable initially deferred"
            " for each row execute function slow()",
        ):
            assert ask(address, query, writes=True).ok
        kill = threading.Timer(1.5, _signal_all, (server.pid, signal.SIGKILL))
        kill.start()
        result = ask(address, "insert into t values (1)", writes=True)
        assert error(result) == ("unavailable", "the connection to the database broke")
        assert result.sent


def _signal_all(server: int, number: int) -> None:
    """Signal a server and the processes it started."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == server:
            os.kill(int(status.parent.name), number)
    os.kill(server, number)


def test_a_list_is_bound_as_an_array(url: str):
    """For `= any(...)`; a list of objects is JSON text."""
    query = "select count(*) as n from orders where id = any(:ids)"
    assert ask(url, query, {"ids": ["o_1", "o_2", "none"]}).value == [{"n": 2}]
    assert ask(url, query, {"ids": []}).value == [{"n": 0}]
    query = "select jsonb_array_length((:items)::jsonb) as n"
    assert ask(url, query, {"items": [{"a": 1}, "b"]}).value == [{"n": 2}]


def test_an_error_never_shows_the_value_of_an_argument(url: str):
    """The server quotes it."""
    result = ask(url, "select (:n)::int as n", {"n": "secret word"})
    assert result.error is not None
    assert (result.error.kind, "secret" in result.error.message) == ("invalid", False)


def test_what_must_run_outside_of_its_transaction_is_forbidden(url: str):
    """It would get out of the limits of its tool."""
    for query in ("vacuum", "create database other"):
        result = ask(url, query, writes=True)
        assert result.error is not None
        assert result.error.kind == "forbidden"
