"""Batches over a network with latency, compared with a producer with one request in flight and with five."""

from distance import DistantKafka
from pairs import WARM_UP_SECONDS, Bench, ratios
from processes import new_topic
from report import Target
from rounds import BATCH, Round, bare_round

ROUND_TRIP_SECONDS = 0.02
PROBE_MESSAGES = 200_000


def round_trip(bench: Bench) -> None:
    title = f"NDJSON of 1,000, {ROUND_TRIP_SECONDS * 1000:g} ms of round trip"
    seconds = bench.options.seconds
    with DistantKafka(ROUND_TRIP_SECONDS) as kafka:
        topic = new_topic(kafka.broker, "bare")
        # The number of records that fill a round with one request in flight, which is much slower than the
        # other sides.
        slow = bare_round(kafka.address, topic, PROBE_MESSAGES, in_flight_max=1)
        slow_messages = int(slow.events_per_s * seconds)
        last: list[Round] = []
        with bench.serving("distant", broker=kafka.broker, KAFKA_BROKERS=kafka.address) as measured:
            measured.round(WARM_UP_SECONDS, **BATCH)

            def ours() -> Round:
                last.append(measured.round(seconds, **BATCH))
                return last[-1]

            distant, one, _ = bench.paired(
                title,
                ("ingestor", ours),
                (
                    "bare librdkafka, one in flight",
                    lambda: bare_round(kafka.address, topic, slow_messages, in_flight_max=1),
                ),
                ("bare librdkafka", lambda: bare_round(kafka.address, topic, last[-1].events)),
            )
    found = ratios(distant, one, "events_per_s")
    bench.targets.append(
        Target(f"{title}: events/s / bare librdkafka, one in flight", found, 4, "x", at_least=True)
    )
