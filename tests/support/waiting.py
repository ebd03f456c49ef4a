"""The tests' only way to wait: for a condition, with a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], seconds: float, what: str, poll_seconds: float = 0.02) -> T:
    """Calls `condition` until it returns a true value, and returns that.

    After the deadline raises AssertionError with `what` and the last value or exception, so `condition` may
    itself assert or fail to connect.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            last: object = condition()
            if last:
                return last  # type: ignore[return-value]
        except (AssertionError, OSError) as error:
            last = error
        if time.monotonic() >= deadline:
            raise AssertionError(f"not within {seconds} s: {what}; last: {last!r}")
        time.sleep(poll_seconds)
