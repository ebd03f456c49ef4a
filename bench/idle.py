"""The CPU use of idle processes, by thread and by window."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from processes import thread_name, thread_seconds


@dataclass(frozen=True)
class IdleWindow:
    """Shares of one core, in percent."""

    process: float
    busiest: float
    busiest_name: str


def watch_idle(pids: Sequence[int], seconds: float, windows: int) -> list[list[IdleWindow]]:
    """For each process: `seconds`, divided into `windows` windows. All processes are watched at the same
    time."""
    found: list[list[IdleWindow]] = [[] for _ in pids]
    before = [thread_seconds(pid) for pid in pids]
    began = time.monotonic()
    for number in range(1, windows + 1):
        since = time.monotonic()
        time.sleep(max(0.0, began + number * seconds / windows - since))
        took = time.monotonic() - since
        for place, pid in enumerate(pids):
            now = thread_seconds(pid)
            spent = {thread: used - before[place].get(thread, 0) for thread, used in now.items()}
            busiest = max(spent, key=lambda thread: spent[thread])
            share = 100 / took
            found[place].append(
                IdleWindow(sum(spent.values()) * share, spent[busiest] * share, thread_name(pid, busiest))
            )
            before[place] = now
    return found
