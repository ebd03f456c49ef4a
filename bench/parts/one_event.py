"""One event per request, compared with nginx: at each ack level, and above the rate limit."""

from statistics import median

from pairs import WARM_UP_SECONDS, Bench, ratios
from processes import check, rss_bytes, say
from report import MB, Target, spread
from rounds import SINGLE, SYNCED, WAITING, MeasuredIngestor, Round, nginx_round, sync_p99_us

OVERLOAD = 3


def single(bench: Bench) -> None:
    ours, nginx = bench.beside_nginx("one event a request", bench.unlimited, **SINGLE)
    bench.capacity = median(r.events_per_s for r in ours)
    bench.targets.append(
        Target("one event a request, 64 connections: CPU / nginx", ratios(ours, nginx, "cpu_us"), 1.0, "x")
    )
    bench.targets.append(Target("one event a request: user time", [r.user_us for r in ours], 4, "us"))


def overload(bench: Bench) -> None:
    limit = max(1, round(bench.capacity / OVERLOAD))
    say(f"\nrate limit for the overload: {limit:,} events/s, a third of {bench.capacity:,.0f}")
    with bench.serving("overload", RATE_LIMIT_RPS=limit, RATE_LIMIT_BURST=max(1, limit // 10)) as limited:
        limited.round(WARM_UP_SECONDS, **SINGLE)
        growth: list[float] = []

        def overloaded() -> Round:
            before = rss_bytes(limited.ingestor.pid)
            done = limited.round(bench.options.seconds, **SINGLE)
            check(done.refused_requests > 0, "the rate limit rejected nothing")
            growth.append((done.rss_mb * MB - before) / MB)
            return done

        free, over = bench.paired(
            f"one event a request, {OVERLOAD}x overload",
            ("no limit", lambda: bench.unlimited.round(bench.options.seconds, **SINGLE)),
            ("limit at a third", overloaded),
        )
    # The CPU time beyond the accepted events, at their cost without a limit, was spent on rejections.
    refused_us = [
        (o.cpu_us - f.cpu_us) * o.events / o.refused_requests for f, o in zip(free, over, strict=True)
    ]
    shares = [r / f.cpu_us for r, f in zip(refused_us, free, strict=True)]
    say(f"  CPU of a rejected request, us: {spread(refused_us)}; of an accepted one's: {spread(shares)} x")
    bench.targets.append(Target("overload: rejected request's CPU / accepted", shares, 1.0, "x"))
    bench.targets.append(
        Target("overload: RSS growth in a round", growth, 4, "MB", judge=max, note="flat: our reading")
    )


def broker_ack(bench: Bench) -> None:
    with bench.serving("acks", success="200", ACK="broker") as waited_for:
        waited_for.round(WARM_UP_SECONDS, **WAITING)
        bench.warm_nginx(**WAITING)
        title = "one event a request, ack=broker, 512 connections"
        ours, nginx = bench.beside_nginx(title, waited_for, **WAITING)
    bench.targets.append(Target(f"{title}: CPU / nginx", ratios(ours, nginx, "cpu_us"), 1.3, "x"))


def wal_ack(bench: Bench) -> None:
    with bench.serving("synced", ACK="wal") as logged:
        idle = rss_bytes(logged.ingestor.pid) / MB
        bench.targets.append(Target("RSS at idle, ack=wal", [idle], 20, "MB"))
        logged.round(WARM_UP_SECONDS, **SYNCED)
        bench.warm_nginx(**SYNCED)
        title = "one event a request, ack=wal, 256 connections"
        ours, nginx = bench.beside_nginx(title, logged, **SYNCED)
        bench.targets.append(Target(f"{title}: CPU / nginx", ratios(ours, nginx, "cpu_us"), 1.3, "x"))
        _at_half_load(bench, logged, median(r.events_per_s for r in ours) / 2)


def _at_half_load(bench: Bench, measured: MeasuredIngestor, rate: float) -> None:
    seconds = bench.options.seconds
    alone: list[float] = []

    def loaded() -> Round:
        alone.append(sync_p99_us(measured.ingestor.cwd, seconds))
        return measured.round(seconds, rate=rate, **SYNCED)

    ours, nginx = bench.paired(
        f"one event a request, ack=wal, {rate:,.0f} a second",
        ("ingestor", loaded),
        ("nginx return 202", lambda: nginx_round(bench.nginx, seconds, rate=rate, **SYNCED)),
    )
    say(f"  p99 of one sync alone, ms: {spread([us / 1000 for us in alone])}")
    bench.targets.append(
        Target("ack=wal at half load: CPU / nginx at this rate", ratios(ours, nginx, "cpu_us"), 1.3, "x")
    )
    p99s = [r.p99_us / us for r, us in zip(ours, alone, strict=True)]
    bench.targets.append(Target("ack=wal at half load: p99 / one sync's", p99s, 5, "x"))
