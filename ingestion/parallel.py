"""Runs tasks on a fixed set of workers (connections), and stops all of them at the first trouble."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from queue import SimpleQueue
from threading import Event
from typing import TypeVar

Worker = TypeVar("Worker")
Task = TypeVar("Task")
Result = TypeVar("Result")


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
