"""An archive of the classes that a broker loads: it reduces a broker's start to two thirds of the time."""

import fcntl

from support.broker_process import QUICK_START, ROOT, class_archive_of
from support.kafka_broker import KafkaBroker

_LOCK = ROOT / "build/kafka/.archive.lock"
# The JVM writes the archive when it ends.
_WRITE_SECONDS = 120


def make_class_archive(version: str) -> None:
    """Makes the archive for this version, in the form that brokers use, unless it exists. If several
    processes call this at once, one makes it and the others wait."""
    _LOCK.parent.mkdir(parents=True, exist_ok=True)
    with _LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        archive = class_archive_of(version)
        if archive.exists():
            return
        unfinished = archive.with_suffix(".new")
        broker = KafkaBroker(
            version=version, options=(*QUICK_START, f"-XX:ArchiveClassesAtExit={unfinished}")
        )
        try:
            broker.start()
            if not broker.stop(_WRITE_SECONDS):
                raise RuntimeError(f"{archive} was not written within {_WRITE_SECONDS} s")
        finally:
            broker.close()
        unfinished.rename(archive)
