"""One measured round of load: on the ingestor, on nginx, and by the bare producer."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from processes import (
    Cpu,
    Ingestor,
    KafkaBroker,
    Nginx,
    RssSamples,
    check,
    generate,
    program,
    records_written,
    run_tool,
    wait_drained,
)
from support.metrics import Metrics

SINGLE: dict[str, object] = {"connections": 64}
SYNCED: dict[str, object] = {"connections": 256}  # each waits for a sync of the log
WAITING: dict[str, object] = {
    "connections": 512
}  # each waits for the broker: more of them share a produce request
BATCH_EVENTS = 1000
# Clients that wait briefly after a rejection: the journal stays full, and little time is spent on rejections.
PATIENT = {"retry_refused": True, "retry_wait_max": 0.01}
# Eight clients that send the next batch as soon as there is a reply, whatever its status.
IMPATIENT: dict[str, object] = {"connections": 8, "events_per_request": BATCH_EVENTS}
BATCH = IMPATIENT | PATIENT
EVENT_BYTES = 284


@dataclass(frozen=True)
class Round:
    """Cost and throughput of one round. For nginx an event is a request."""

    events: int
    refused_requests: int
    seconds: float  # until the last event was delivered
    user_us: float  # per event
    system_us: float
    p50_us: float = 0
    p99_us: float = 0
    generator_cores: float = 0  # CPU seconds per second used by the load generator
    rss_mb: float = 0

    @property
    def cpu_us(self) -> float:
        return self.user_us + self.system_us

    @property
    def events_per_s(self) -> float:
        return self.events / self.seconds

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"cpu_us": self.cpu_us, "events_per_s": self.events_per_s}


def _round(cpu: Cpu, events: int, seconds: float, report: dict[str, Any]) -> Round:
    check(events > 0, f"no event was accepted: {report}")
    refused = sum(count for status, count in report["statuses"].items() if status in ("429", "503"))
    return Round(
        events=events,
        refused_requests=refused,
        seconds=seconds,
        user_us=cpu.user / events * 1e6,
        system_us=cpu.system / events * 1e6,
        p50_us=report["latency_us"]["p50"],
        p99_us=report["latency_us"]["p99"],
        generator_cores=report["generator_cpu_seconds"] / report["seconds"],
    )


def nginx_round(nginx: Nginx, seconds: float, **load: Any) -> Round:
    before = Cpu.of(nginx.pid)
    report = generate(nginx.port, duration=seconds, event_bytes=EVENT_BYTES, **load)
    cpu = Cpu.of(nginx.pid) - before
    check(set(report["statuses"]) == {"202"}, f"nginx answered {report['statuses']}")
    return _round(cpu, report["requests"], report["seconds"], report)


class MeasuredIngestor:
    """An ingestor; each round checks that every accepted event is in its topic. `success`: its status for
    accepted requests."""

    def __init__(self, ingestor: Ingestor, broker: KafkaBroker, topic: str, success: str = "202"):
        self.ingestor = ingestor
        self._success = success
        self._broker = broker
        self._topic = topic

    def round(self, seconds: float, **load: Any) -> Round:
        accepted_before = accepted_events(self.ingestor.metrics())
        written_before = records_written(self._broker, self._topic)
        before = Cpu.of(self.ingestor.pid)
        with RssSamples(self.ingestor.pid, 0.5) as rss:
            report = generate(self.ingestor.port, duration=seconds, event_bytes=EVENT_BYTES, **load)
            drain_seconds = wait_drained(self.ingestor)
        cpu = Cpu.of(self.ingestor.pid) - before

        accepted = accepted_events(self.ingestor.metrics()) - accepted_before
        written = records_written(self._broker, self._topic) - written_before
        # On a busy machine a slow broker delays some partitions; batches are then accepted in part
        # (partition_stuck), which the load generator's count from replies doesn't cover.
        told = accepted if "207" in report["statuses"] else report["accepted_events"]
        check(
            accepted == written == told,
            f"accepted by its metrics {accepted}, by its replies {report['accepted_events']}, "
            f"written to the topic {written}",
        )
        strange = set(report["statuses"]) - {self._success, "207", "429", "503"}
        check(not strange, f"statuses that no load should see: {report['statuses']}")
        measured = _round(cpu, accepted, report["seconds"] + drain_seconds, report)
        return Round(**asdict(measured) | {"rss_mb": max(rss.samples) / 1e6})


def accepted_events(metrics: Metrics) -> int:
    return int(metrics.value("event_ingestor_events_accepted_total"))


class FiledIngestor:
    """An ingestor with the file sink; each round checks that every accepted event is in its files, by their
    size, as all events of the load have the same size."""

    def __init__(self, ingestor: Ingestor):
        self.ingestor = ingestor

    def round(self, seconds: float, **load: Any) -> Round:
        accepted_before = accepted_events(self.ingestor.metrics())
        bytes_before = self._bytes()
        before = Cpu.of(self.ingestor.pid)
        report = generate(self.ingestor.port, duration=seconds, event_bytes=EVENT_BYTES, **load)
        drain_seconds = wait_drained(self.ingestor)
        cpu = Cpu.of(self.ingestor.pid) - before
        accepted = accepted_events(self.ingestor.metrics()) - accepted_before
        written = (self._bytes() - bytes_before) / (EVENT_BYTES + 1)
        check(
            accepted == written == report["accepted_events"],
            f"accepted by its metrics {accepted}, by its replies {report['accepted_events']}, in the files {written}",
        )
        return _round(cpu, accepted, report["seconds"] + drain_seconds, report)

    def judged_only(self, seconds: float, **load: Any) -> Round:
        """The same batches, each with one invalid line, all or nothing: they are received, decoded, validated
        and gathered, and then rejected."""
        before = Cpu.of(self.ingestor.pid)
        report = generate(self.ingestor.port, duration=seconds, event_bytes=EVENT_BYTES, spoilt=True, **load)
        cpu = Cpu.of(self.ingestor.pid) - before
        check(set(report["statuses"]) == {"422"}, f"statuses of spoilt batches: {report['statuses']}")
        return _round(cpu, report["requests"] * BATCH_EVENTS, report["seconds"], report)

    def _bytes(self) -> int:
        folder = self.ingestor.cwd / str(self.ingestor.settings["FILE_DIR"])
        return sum(path.stat().st_size for path in folder.glob("events-*.ndjson"))


def sync_p99_us(folder: Path, seconds: float) -> float:
    """p99 of a 4 KiB write and its fdatasync in this folder, on an idle disk."""
    return run_tool("sync_probe", "--file", str(folder / "sync-probe"), "--seconds", str(seconds))["p99_us"]


def bare_round(brokers: str, topic: str, messages: int, in_flight_max: int = 5) -> Round:
    report = run_tool(
        "bare_producer", "--brokers", brokers, "--topic", topic,
        "--messages", str(messages), "--event-bytes", str(EVENT_BYTES),
        "--in-flight-max", str(in_flight_max),
    )  # fmt: skip
    return Round(
        events=report["messages"],
        refused_requests=0,
        seconds=report["seconds"],
        user_us=report["user_us_per_message"],
        system_us=report["system_us_per_message"],
    )


def check_programs() -> None:
    """To be called before anything is started."""
    for name in ("load_generator", "bare_producer", "ledger_check", "sync_probe", "delay_proxy"):
        program(name)
