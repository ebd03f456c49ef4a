"""Duplicates in the topic after kill -9 of the service alone, and of the broker too."""

import tempfile
from pathlib import Path

from crash import Crash
from pairs import Bench
from processes import new_broker


def kills(bench: Bench) -> None:
    options = bench.options
    with tempfile.TemporaryDirectory(prefix="kills-") as directory, new_broker() as broker:
        crash = Crash(broker, Path(directory), options.seed)
        crash.kill(options.kills)
        crash.kill_broker(options.broker_kills)
    bench.targets += crash.targets
