"""NDJSON of 1,000 events: to Kafka, compared with librdkafka alone, and to files."""

from functools import partial

from pairs import WARM_UP_SECONDS, Bench, ratios
from processes import Ingestor, new_topic, peak_rss_bytes, say
from report import MB, Target, spread
from rounds import BATCH, IMPATIENT, FiledIngestor, MeasuredIngestor, Round, bare_round

NAME = "NDJSON of 1,000"


def batch(bench: Bench) -> None:
    ours, bare = _beside_librdkafka(bench, NAME, bench.unlimited, BATCH)
    bench.targets.append(_cpu(NAME, ours, bare, 1.0))
    bench.targets.append(_rate(NAME, ours, bare, 1.3))
    peak = peak_rss_bytes(bench.unlimited.ingestor.pid) / MB
    bench.targets.append(Target("RSS at full load (peak so far)", [peak], 150, "MB"))


def impatient(bench: Bench) -> None:
    """The CPU figure of the accepted events includes the cost of the rejected requests."""
    name = f"{NAME}, senders that never wait"
    ours, bare = _beside_librdkafka(bench, name, bench.unlimited, IMPATIENT)
    bench.targets.append(_cpu(name, ours, bare, 1.3))


def wal_batch(bench: Bench) -> None:
    name = f"{NAME}, ack=wal"
    with bench.serving("synced-batches", ACK="wal") as logged:
        ours, bare = _beside_librdkafka(bench, name, logged, BATCH)
        peak = peak_rss_bytes(logged.ingestor.pid) / MB
    bench.targets.append(_rate(name, ours, bare, 1.1))
    bench.targets.append(Target("RSS at full load, ack=wal (peak so far)", [peak], 150, "MB"))


def file_sink(bench: Bench) -> None:
    settings = {"SINK": "file", "FILE_DIR": "events", "RATE_LIMIT_RPS": 0}
    seconds = bench.options.seconds
    for level in ("wal", "memory"):
        with Ingestor(HTTP_THREADS=bench.options.http_threads, ACK=level, **settings) as ingestor:
            measured = FiledIngestor(ingestor)
            measured.round(WARM_UP_SECONDS, **BATCH)
            ours, judged = bench.paired(
                f"{NAME}, file sink, ack={level}",
                ("ingestor", partial(measured.round, seconds, **BATCH)),
                ("judged, then refused", partial(measured.judged_only, seconds, **BATCH)),
            )
        above = [o.cpu_us - j.cpu_us for o, j in zip(ours, judged, strict=True)]
        say(f"  CPU an event above receiving, parsing and validating, us: {spread(above)}")
        bench.targets.append(Target(f"{NAME}, file sink, ack={level}: CPU above judging", above, 1, "us"))


def _beside_librdkafka(
    bench: Bench, title: str, measured: MeasuredIngestor, load: dict[str, object]
) -> list[list[Round]]:
    """The bare producer writes as many records as the service just did."""
    topic = new_topic(bench.broker, f"bare-{len(bench.rounds)}")
    measured.round(WARM_UP_SECONDS, **load)
    last: list[Round] = []

    def ours() -> Round:
        last.append(measured.round(bench.options.seconds, **load))
        return last[-1]

    return bench.paired(
        title,
        ("ingestor", ours),
        ("bare librdkafka", lambda: bare_round(bench.broker.address, topic, last[-1].events)),
    )


def _cpu(name: str, ours: list[Round], bare: list[Round], limit: float) -> Target:
    return Target(f"{name}: CPU / bare librdkafka", ratios(ours, bare, "cpu_us"), limit, "x")


def _rate(name: str, ours: list[Round], bare: list[Round], limit: float) -> Target:
    found = ratios(ours, bare, "events_per_s")
    return Target(f"{name}: events/s / bare librdkafka", found, limit, "x", at_least=True)
