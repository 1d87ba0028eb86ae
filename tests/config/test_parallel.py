"""Tasks on workers run once each, keep their order, and raise the first error."""

import threading
import time
from collections.abc import Generator
from contextlib import closing

import pytest

from config.parallel import in_parallel, read_ahead


def ignore(_: object) -> None:
    pass


@pytest.mark.parametrize("tasks", [0, 1, 2, 3, 50])
def test_every_task_is_done_once_and_results_keep_the_order(tasks: int) -> None:
    seen: list[int] = []
    results = in_parallel("ab", range(tasks), lambda _, task: task * 2, on_done=seen.append, stop=ignore)
    assert results == [task * 2 for task in range(tasks)]
    assert sorted(seen) == results


def test_no_worker_has_two_tasks_at_once() -> None:
    busy: set[str] = set()

    def work(worker: str, task: int) -> int:
        assert worker not in busy
        busy.add(worker)
        time.sleep(0.001)
        busy.remove(worker)
        return task

    in_parallel(["a", "b", "c"], range(60), work, on_done=ignore, stop=ignore)


def test_the_first_error_is_raised_and_the_other_workers_are_stopped() -> None:
    stopped: list[str] = []
    cancelled = threading.Event()
    started: list[int] = []

    def work(_: str, task: int) -> int:
        started.append(task)
        if task == 0:
            raise ValueError("the cause")
        cancelled.wait(10)
        raise ConnectionError("cancelled")

    def stop(worker: str) -> None:
        stopped.append(worker)
        cancelled.set()

    with pytest.raises(ValueError, match="the cause"):
        in_parallel(["a", "b"], range(100), work, on_done=ignore, stop=stop)
    assert stopped == ["a", "b"]
    assert len(started) < 5, "no further task may start"


def test_ctrl_c_stops_the_workers_and_leaves_no_thread() -> None:
    threads = threading.active_count()
    cancelled = threading.Event()

    def work(_: str, task: int) -> int:
        if task > 0:
            cancelled.wait(10)
        return task

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        in_parallel(["a", "b"], range(10), work, on_done=interrupt, stop=lambda _: cancelled.set())
    assert threading.active_count() == threads


@pytest.mark.parametrize("most", [1, 3, 10])
def test_items_are_read_ahead_in_order_up_to_the_limit(most: int) -> None:
    fetched: list[int] = []

    def items() -> Generator[int, None, None]:
        for number in range(5):
            fetched.append(number)
            yield number

    seen = []
    for number in read_ahead(items(), most):
        seen.append(number)
        assert len(fetched) <= number + 1 + most, "the current item and at most that many more"
    assert seen == [0, 1, 2, 3, 4]


def test_an_error_of_the_items_is_raised_after_the_items_before_it() -> None:
    def items() -> Generator[int, None, None]:
        yield 1
        raise ValueError("no more")

    ahead = read_ahead(items(), 3)
    assert next(ahead) == 1
    with pytest.raises(ValueError, match="no more"):
        next(ahead)


def test_items_are_closed_and_no_thread_is_left_when_the_caller_stops() -> None:
    threads = threading.active_count()
    ended = []

    def items() -> Generator[int, None, None]:
        try:
            yield from range(100)
        finally:
            ended.append(True)

    with closing(read_ahead(items(), 3)) as ahead:
        next(ahead)
    assert ended == [True]
    assert threading.active_count() == threads
