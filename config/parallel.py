"""Run tasks in parallel on a fixed set of workers (connections), and read a stream ahead."""

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from queue import SimpleQueue
from threading import Event
from typing import TypeVar

Worker = TypeVar("Worker")
Task = TypeVar("Task")
Result = TypeVar("Result")
Item = TypeVar("Item")


def in_parallel(
    workers: Sequence[Worker],
    tasks: Sequence[Task],
    work: Callable[[Worker, Task], Result],
    *,
    on_done: Callable[[Result], None],
    stop: Callable[[Worker], None],
) -> list[Result]:
    """Return `work(worker, task)` for every task, in order; a worker has one task at a time.

    `on_done` is called in this thread. After the first error, or Ctrl-C, no further task starts, `stop` is
    called for every worker to cancel its task, and when all have ended, that error is raised.
    """
    free: SimpleQueue[Worker] = SimpleQueue()
    for worker in workers:
        free.put(worker)
    failed = Event()
    errors: list[BaseException] = []

    def one(task: Task) -> Result | None:
        if failed.is_set():
            return None
        worker = free.get()
        try:
            return work(worker, task)
        except BaseException as error:
            errors.append(error)
            failed.set()
            raise
        finally:
            free.put(worker)

    with ThreadPoolExecutor(max_workers=len(workers)) as pool:
        futures = [pool.submit(one, task) for task in tasks]
        try:
            for future in as_completed(futures):
                result = future.result()
                if result is not None:
                    on_done(result)
        except BaseException as error:
            # the errors of the cancelled workers hide the cause
            first = errors[0] if errors and isinstance(error, Exception) else error
            failed.set()
            for worker in workers:
                stop(worker)
            raise first from first.__cause__
    return [result for future in futures if (result := future.result()) is not None]


def read_ahead(items: Generator[Item, None, None], most: int) -> Generator[Item, None, None]:
    """Yield the items while a thread fetches up to `most` of the next ones.

    An error in the caller or in `items` stops both. `items` is always closed at the end.
    """
    with closing(items), ThreadPoolExecutor(max_workers=1) as fetcher:
        coming = deque(fetcher.submit(next, items, None) for _ in range(most))
        try:
            while (item := coming.popleft().result()) is not None:
                coming.append(fetcher.submit(next, items, None))
                yield item
        finally:
            fetcher.shutdown(cancel_futures=True)
