"""Pictures that threads read while a network computes."""

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from kerazoo._machine import cores
from kerazoo.pictures import PictureError

_AHEAD = 2  # batches that are read while one is computed


def read_ahead(
    items: Iterable[Any],
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
    for batch in futures(items, read, many):
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


def futures(
    items: Iterable[Any], read: Callable[[Any], Any], many: int
) -> Iterator[list[tuple[Any, Future]]]:
    """Pictures with the futures of what `read` makes of them; arguments as for `read_ahead`.

    Of `items` no more are taken than are read ahead.
    """
    waiting: deque[list[tuple[Any, Future]]] = deque()
    pool, rest = ThreadPoolExecutor(cores()), iter(items)
    try:
        while batch := list(itertools.islice(rest, many)):
            waiting.append([(item, pool.submit(read, item)) for item in batch])
            if len(waiting) > _AHEAD:
                yield waiting.popleft()
        yield from waiting
    finally:  # also where the caller stops early: what has not begun is not begun
        pool.shutdown(cancel_futures=True)
