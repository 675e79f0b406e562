"""Work is done by several threads, handed out as there is room, and nothing that fails is lost."""

import threading
from collections.abc import Iterator

import pytest

from agentctl.core.concurrency import Done, as_completed


def test_as_many_as_asked_for_are_under_way_and_no_more():
    """Three meet at a barrier of three; the work is not read further ahead than that."""
    together, taken = threading.Barrier(3), []

    def work() -> Iterator[int]:
        for number in range(6):
            taken.append(number)
            yield number

    def do(number: int) -> int:
        together.wait(timeout=30)
        return number * 10

    found = as_completed(work(), lambda: do, 3)
    first = next(found)
    assert first.result == first.number * 10
    assert taken == [0, 1, 2]
    rest = list(found)
    assert sorted(done.number for done in [first, *rest]) == list(range(6))
    assert all(done.error is None for done in rest)


def test_each_thread_has_a_worker_of_its_own_and_no_more_threads_than_work():
    """What a worker opens, such as a database, is used by one thread alone."""
    opened: list[int] = []

    def worker():
        opened.append(threading.get_ident())
        return lambda _: threading.get_ident()

    done = list(as_completed(iter(range(2)), worker, 8))
    assert len(opened) <= 2
    assert {one.result for one in done} <= set(opened)


def test_work_may_end_by_what_came_before():
    """The next piece is taken when the next result is asked for."""
    halted = False

    def work() -> Iterator[int]:
        number = 0
        while not halted:
            yield (number := number + 1)

    found = as_completed(work(), lambda: lambda number: number, 1)
    assert next(found).result == 1
    halted = True
    assert list(found) == []


def test_what_fails_is_handed_over_and_the_rest_goes_on():
    """An error stands at its place, also that of a worker that cannot begin."""

    def do(number: int) -> int:
        return 6 // number

    found = sorted(as_completed(iter([1, 0, 2]), lambda: do, 1), key=lambda done: done.number)
    assert found[0] == Done(0, 6, None)
    assert isinstance(found[1].error, ZeroDivisionError)
    assert found[2] == Done(2, 3, None)

    def broken():
        raise OSError("no database")

    (only,) = as_completed(iter([1]), broken, 1)
    assert isinstance(only.error, OSError)


def test_work_that_cannot_be_read_on_is_raised_after_what_was_begun():
    """No result of a task that ran is lost because the next line is broken."""

    def work() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("line 3")

    found = as_completed(work(), lambda: lambda number: number, 4)
    done = []
    with pytest.raises(ValueError, match="line 3"):
        done.extend(one.result for one in found)
    assert sorted(done) == [1, 2]


def test_threads_end_when_nobody_asks_for_more():
    """A caller that stops in the middle leaves no thread behind."""
    found = as_completed(iter(range(100)), lambda: lambda number: number, 3)
    next(found)
    threads = [t for t in threading.enumerate() if t.name == "agentctl-worker"]
    assert threads
    found.close()  # type: ignore[attr-defined]
    for thread in threads:
        thread.join(timeout=30)
    assert not any(thread.is_alive() for thread in threads)
