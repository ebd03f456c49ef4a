"""One broker of three is frozen, with a tenth of the topic: the rate into the other partitions, and the idle
cost."""

from pairs import Bench
from stuck_partition import stuck_partition


def frozen_broker(bench: Bench) -> None:
    settings = {"ACK": "wal", "HTTP_THREADS": bench.options.http_threads}
    with stuck_partition(2 * bench.options.seconds, **settings) as stuck:
        stuck.rounds(bench.options.rounds)
        stuck.idle()
    bench.targets += stuck.targets
