"""The cost of the service while Kafka is unreachable and a few events wait: a silent broker, and a stopped
one."""

from collections.abc import Callable
from contextlib import ExitStack
from statistics import mean

from idle import IdleWindow, watch_idle
from pairs import Bench
from processes import (
    AFTER_OUTAGE_SECONDS,
    KafkaBroker,
    check,
    new_broker,
    new_ingestor,
    records_written,
    say,
    wait_drained,
    wait_ready,
)
from report import Target, spread
from support.murmur2 import java_partition

PARTITIONS = 4
WINDOW_SECONDS = 10


class Outage:
    """A separate broker and service, connected and idle, at the service's default level, wal."""

    def __init__(self, stack: ExitStack, name: str, begin: Callable[[KafkaBroker], object]):
        self.name = name
        self._begin = begin
        self._broker = stack.enter_context(new_broker())
        self._topic = self._broker.create_topic("waiting", PARTITIONS)
        self.ingestor = stack.enter_context(new_ingestor(self._broker, self._topic, ACK="wal"))
        wait_ready(self.ingestor)
        self._post_one_for_each_partition("before")
        wait_drained(self.ingestor)

    def begin(self) -> None:
        """Starts the outage and posts an event for each partition."""
        self._begin(self._broker)
        self._post_one_for_each_partition("during")
        check(self.ingestor.metric("journal_events") == PARTITIONS, "not one event waits for each partition")

    def end(self) -> None:
        """Ends the outage and checks that the waiting events are delivered."""
        self._broker.resume_if_paused()
        if not self._broker.running:
            self._broker.start()
        took = wait_drained(self.ingestor, AFTER_OUTAGE_SECONDS)
        say(f"  {self.name}: drained {took:.1f} s after the broker had returned")
        written = records_written(self._broker, self._topic)
        check(written == 2 * PARTITIONS, f"{2 * PARTITIONS} events were accepted, {written} are in the topic")

    def _post_one_for_each_partition(self, prefix: str) -> None:
        for partition in range(PARTITIONS):
            event_id = next(
                name
                for name in (f"{prefix}-{n}" for n in range(1000))
                if java_partition(name.encode(), PARTITIONS) == partition
            )
            reply = self.ingestor.post({"id": event_id, "type": "waiting"})
            check(reply.status == 202, f"an event was answered {reply.status} {reply.body!r}")


def kafka_away(bench: Bench) -> None:
    seconds = bench.options.away_seconds
    with ExitStack() as stack:
        outages = [
            Outage(stack, "silent (SIGSTOP)", KafkaBroker.pause),
            Outage(stack, "gone (connects refused)", KafkaBroker.kill),
        ]
        for outage in outages:
            outage.begin()
        say(f"\nKafka unreachable for {seconds:g} s, {PARTITIONS} events waiting")
        windows = max(1, round(seconds / WINDOW_SECONDS))
        watched = watch_idle([outage.ingestor.pid for outage in outages], seconds, windows)
        for outage in outages:
            outage.end()
    for outage, found in zip(outages, watched, strict=True):
        say(f"  {outage.name}: {_told(found)}")
        bench.targets.append(
            Target(
                f"Kafka {outage.name}, {PARTITIONS} events waiting: CPU of a core",
                [window.process for window in found],
                0.3,
                "%",
                judge=mean,
            )
        )


def _told(found: list[IdleWindow]) -> str:
    busiest = max(found, key=lambda window: window.busiest)
    shares = spread([window.process for window in found], 3)
    return f"% of a core, by {WINDOW_SECONDS} s: {shares}; most in one thread {busiest.busiest:.3f}, {busiest.busiest_name}"
