"""The memory of a full journal, compared with the setting that limits it."""

import time
from collections.abc import Iterator

from pairs import Bench
from processes import (
    AFTER_OUTAGE_SECONDS,
    Ingestor,
    RssSamples,
    check,
    records_written,
    rss_bytes,
    say,
    wait_drained,
)
from report import MB, Target
from support.ingestor import NDJSON

EVENT_BYTES = 100
BATCH_EVENTS = 1000
SETTLE_SECONDS = 2  # the journal is full, and the workers have taken their events
QUEUE_BYTES_MAX = 64 << 20  # the default
SETTINGS = {
    "ACK": "memory",
    "QUEUE_BYTES_MAX": QUEUE_BYTES_MAX,
    "QUEUE_SIZE": 100_000_000,  # only bytes limit the journal
    "HTTP_CLIENTS_MAX": 0,  # one client may use all of it
}


def full_journal(bench: Bench) -> None:
    ratios = []
    for number in range(1, bench.options.rounds + 1):
        say(f"a journal full of events of {EVENT_BYTES} bytes: round {number} of {bench.options.rounds}")
        topic = f"full-{number}"
        with bench.serving(topic, **SETTINGS) as measured:
            ingestor = measured.ingestor
            check(ingestor.post(_event(0), NDJSON).status == 202, "the first event was not accepted")
            wait_drained(ingestor)
            before = rss_bytes(ingestor.pid)
            bench.broker.pause()
            try:
                with RssSamples(ingestor.pid, 0.1) as rss:
                    accepted = _fill(ingestor)
                    held = ingestor.metric("journal_bytes")
                    time.sleep(SETTLE_SECONDS)
            finally:
                bench.broker.resume()
            wait_drained(ingestor, AFTER_OUTAGE_SECONDS)
            written = records_written(bench.broker, topic)
        check(written == accepted + 1, f"{accepted + 1:,} events were accepted, {written:,} are in the topic")
        full = max(rss.samples)
        ratios.append((full - before) / QUEUE_BYTES_MAX)
        say(
            f"  {accepted:,} events, {held / MB:.1f} MB by its metric; "
            f"RSS {before / MB:.1f} MB before, {full / MB:.1f} MB full"
        )
    bench.targets.append(
        Target(f"full journal, events of {EVENT_BYTES} bytes: RSS / QUEUE_BYTES_MAX", ratios, 1.3, "x")
    )


def _fill(ingestor: Ingestor) -> int:
    """Posts until the journal is full; returns the number of accepted events."""
    # Upper limit: each event counts at least with its bytes.
    for number in range(QUEUE_BYTES_MAX // EVENT_BYTES // BATCH_EVENTS):
        reply = ingestor.post(b"".join(_events(number * BATCH_EVENTS + 1)), NDJSON)
        if reply.status == 503:
            check(reply.code == "journal_full", f"rejected with {reply.code}")
            return number * BATCH_EVENTS
        check(reply.status == 202, f"a batch was answered {reply.status}")
    check(False, "the journal accepted more than its limit in bytes")
    return 0


def _events(first: int) -> Iterator[bytes]:
    return (_event(number) for number in range(first, first + BATCH_EVENTS))


def _event(number: int) -> bytes:
    """An event with its id and time, so that the service adds nothing."""
    head = b'{"id":"f-%09d","type":"t","timestamp":"2026-01-31T12:00:00Z","payload":"' % number
    return head + b"x" * (EVENT_BYTES - len(head) - 2) + b'"}\n'
