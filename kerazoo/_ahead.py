"""Pictures that threads read while a network computes."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from kerazoo._machine import cores
from kerazoo.pictures import PictureError

_AHEAD = 2  # batches that are read while one is computed


def read_ahead(
    items: Sequence[Any],
    read: Callable[[Any], Any],
    many: int,
    skip: Callable[[PictureError], None] | None = None,
) -> Iterator[list[tuple[Any, Any]]]:
    """Pictures with what `read` makes of them, in their order.

    Args:
        items: Whatever stands for the pictures.
        read: Called in threads.
        many: Pictures at a time.
        skip: Called with the error of a picture that cannot be read, which is then left out; by
            default the error is raised.
    """
    for batch in _futures(items, read, many):
        done = []
        for item, future in batch:
            try:
                done.append((item, future.result()))
            except PictureError as error:
                if skip is None:
                    raise
                skip(error)
        if done:
            yield done


def _futures(
    items: Sequence[Any], read: Callable[[Any], Any], many: int
) -> Iterator[list[tuple[Any, Future]]]:
    waiting: deque[list[tuple[Any, Future]]] = deque()
    pool = ThreadPoolExecutor(cores())
    try:
        for start in range(0, len(items), many):
            batch = items[start : start + many]
            waiting.append([(item, pool.submit(read, item)) for item in batch])
            if len(waiting) > _AHEAD:
                yield waiting.popleft()
        yield from waiting
    finally:  # also where the caller stops early: what has not begun is not begun
        pool.shutdown(cancel_futures=True)
