"""Work side by side: tasks on a fixed set of workers (connections), and a stream that is read ahead."""

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
    """Return `work(worker, task)` of every task, in the order of the tasks; no worker has two tasks at once.

    `on_done` is called in this thread. At the first error, or Ctrl-C, no task is begun any more, `stop` is
    called for every worker so that it breaks off, and when all have ended that error is raised.
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
            # the first trouble is the story, not what the other workers say when they are broken off
            first = errors[0] if errors and isinstance(error, Exception) else error
            failed.set()
            for worker in workers:
                stop(worker)
            raise first from first.__cause__
    return [result for future in futures if (result := future.result()) is not None]


def read_ahead(items: Generator[Item, None, None], most: int) -> Generator[Item, None, None]:
    """Yield the items; while the caller works on one, a thread fetches those that follow, `most` at a time.

    An error of either side ends both. `items` is closed at the end, whatever it was.
    """
    with closing(items), ThreadPoolExecutor(max_workers=1) as fetcher:
        coming = deque(fetcher.submit(next, items, None) for _ in range(most))
        try:
            while (item := coming.popleft().result()) is not None:
                coming.append(fetcher.submit(next, items, None))
                yield item
        finally:
            fetcher.shutdown(cancel_futures=True)
