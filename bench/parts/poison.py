"""The effect of events that their topic rejects on the latency of the others."""

from pairs import Bench
from processes import Ingestor, check, generate, new_ingestor, new_topic, records_written, say, wait_ready
from report import Target, spread
from rounds import EVENT_BYTES, accepted_events

RATE = 500
POISON_EVERY = 50  # 2 %
PARTITIONS = 6
CONNECTIONS = 64
# A compacted topic rejects a record without a key, and with it the whole batch. The key is the event's id as
# it was sent, so an event without an id has no key.
TOPIC = {"cleanup_policy": "compact", "min_compaction_lag_ms": "86400000"}
KEYED = {"KAFKA_KEY": "/id", "KAFKA_DLQ_TOPIC": "poison-dead"}


class Poison:
    def __init__(self, bench: Bench, ingestor: Ingestor):
        self._broker = bench.broker
        self._seconds = 2 * bench.options.seconds
        self._ingestor = ingestor

    def p99_us(self, poisoned: bool) -> float:
        """Of the events that the topic accepts."""
        before = self._books()
        some = {"nameless_every": POISON_EVERY} if poisoned else {}
        report = generate(
            self._ingestor.port,
            duration=self._seconds,
            rate=RATE,
            connections=CONNECTIONS,
            event_bytes=EVENT_BYTES,
            **some,
        )
        good, bad = report["latency_us"]["count"], report["nameless_latency_us"]["count"]
        wanted = {"200": good} | ({"422": bad} if bad else {})
        check(report["statuses"] == wanted, f"{good} good and {bad} bad events: {report['statuses']}")
        check((bad > 0) == poisoned, f"{bad} bad events were sent")
        self._ingestor.wait_drained(60)
        found = [now - then for now, then in zip(self._books(), before, strict=True)]
        check(
            found == [good + bad, bad, good, bad],
            f"{good} good and {bad} bad events; accepted, dead letters, in the topic, in the dead letters' topic: {found}",
        )
        if report["not_sent"] > 0:
            say(f"  {report['not_sent']} requests were due when the round ended, with all connections busy")
        return report["latency_us"]["p99"]

    def _books(self) -> list[int]:
        metrics = self._ingestor.metrics()
        return [
            accepted_events(metrics),
            int(metrics.value("event_ingestor_events_dead_lettered_total")),
            records_written(self._broker, "poison"),
            records_written(self._broker, KEYED["KAFKA_DLQ_TOPIC"]),
        ]


def poison(bench: Bench) -> None:
    bench.broker.create_topic("poison", PARTITIONS, **TOPIC)
    new_topic(bench.broker, KEYED["KAFKA_DLQ_TOPIC"])
    with new_ingestor(
        bench.broker, "poison", HTTP_THREADS=bench.options.http_threads, ACK="broker", **KEYED
    ) as ingestor:
        wait_ready(ingestor)
        load = Poison(bench, ingestor)
        load.p99_us(poisoned=True)  # warms up
        well, poisoned = [], []
        for number in range(1, bench.options.rounds + 1):
            well.append(load.p99_us(poisoned=False))
            poisoned.append(load.p99_us(poisoned=True))
            say(
                f"2 % rejected events: round {number} of {bench.options.rounds}: p99 of the healthy "
                f"{poisoned[-1] / 1000:.2f} ms, without the others {well[-1] / 1000:.2f} ms"
            )
    say(
        f"  p99 of the healthy events, ms: {spread([us / 1000 for us in poisoned])}; "
        f"without the others {spread([us / 1000 for us in well])}"
    )
    found = [with_poison / without for with_poison, without in zip(poisoned, well, strict=True)]
    bench.targets.append(
        Target("2 % rejected events, ack=broker: p99 of the healthy / without", found, 1.2, "x")
    )
