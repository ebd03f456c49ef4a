#!/usr/bin/env python3
"""make bench: paired rounds of load, the ingestor and its references in the same run. See bench/README.md.

Exit status: 0 even if targets are missed; 1 if events were lost or something broke.
"""

import argparse
import secrets
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from pairs import Bench
from parts.batches import batch, file_sink, impatient, wal_batch
from parts.clients import clients
from parts.frozen_broker import frozen_broker
from parts.full_journal import full_journal
from parts.kafka_away import kafka_away
from parts.kills import kills
from parts.one_event import broker_ack, overload, single, wal_ack
from parts.poison import poison
from parts.round_trip import round_trip
from parts.tenants import tenants
from parts.tls import tls
from processes import exit_status, new_broker, say
from report import machine, print_targets
from rounds import check_programs

# In the order in which they run.
PARTS: dict[str, Callable[[Bench], None]] = {
    "single": single,
    "clients": clients,
    "tenants": tenants,
    "tls": tls,
    "batch": batch,
    "impatient": impatient,
    "wal-batch": wal_batch,
    "overload": overload,
    "wal-ack": wal_ack,
    "broker-ack": broker_ack,
    "file-sink": file_sink,
    "round-trip": round_trip,
    "kafka-away": kafka_away,
    "frozen-broker": frozen_broker,
    "full-journal": full_journal,
    "poison": poison,
    "kills": kills,
}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    check_programs()
    about = machine()
    say(
        f"{about['cores']} cores, {about['cpu']}, kernel {about['kernel']}, load {about['load_average_at_start']:.2f}"
    )
    if about["load_average_at_start"] > 0.5:
        say("the machine is not idle: expect wide ranges")
    began = time.monotonic()
    with ExitStack() as stack:
        broker = stack.enter_context(new_broker())
        bench = Bench(stack, broker, options)
        try:
            bench.start()
            for name, part in PARTS.items():
                if name in options.parts:
                    since = time.monotonic()
                    part(bench)
                    say(f"({name}: {time.monotonic() - since:.0f} s)")
        finally:
            # Includes the targets of parts that ran before a failed one.
            print_targets(bench.targets)
    say(f"Every accepted event was found at its destination. {(time.monotonic() - began) / 60:.1f} minutes.")
    return {
        "machine": about,
        "options": vars(options),
        "rounds": {name: [r.as_json() for r in rounds] for name, rounds in bench.rounds.items()},
        "targets": [target.as_json() for target in bench.targets],
    }


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split(".")[0])
    parser.add_argument("--rounds", type=int, default=3, help="pairs of rounds (default 3)")
    parser.add_argument("--seconds", type=float, default=5, help="length of a round (default 5)")
    parser.add_argument(
        "--http-threads", type=int, default=1, help="HTTP_THREADS (default 1, as nginx has one worker)"
    )
    parser.add_argument(
        "--parts",
        type=lambda text: text.split(","),
        default=list(PARTS),
        help=f"which of {','.join(PARTS)} to run (default all); overload needs single",
    )
    parser.add_argument(
        "--away-seconds", type=float, default=60, help="length of the outage of kafka-away (default 60)"
    )
    parser.add_argument(
        "--kills", type=int, default=24, help="rounds of kills, the service alone (default 24)"
    )
    parser.add_argument("--broker-kills", type=int, default=4, help="and with the broker (default 4)")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32), help="seed of the part kills")
    parser.add_argument("--json", help="file for all figures")
    options = parser.parse_args()
    if not set(options.parts) <= set(PARTS):
        parser.error(f"--parts takes {','.join(PARTS)}")
    if "overload" in options.parts and "single" not in options.parts:
        parser.error("--parts: overload is measured against the capacity that single finds")
    if not (1 <= options.rounds <= 100 and 0.5 <= options.seconds <= 600):
        parser.error("--rounds 1 to 100, --seconds 0.5 to 600")
    if not 1 <= options.away_seconds <= 3600:
        parser.error("--away-seconds: 1 to 3600")
    if not (1 <= options.kills <= 1000 and 1 <= options.broker_kills <= 1000):
        parser.error("--kills and --broker-kills: 1 to 1000")
    return options


def main() -> int:
    options = read_options()
    return exit_status(lambda: measure(options), options.json)


if __name__ == "__main__":
    sys.exit(main())
