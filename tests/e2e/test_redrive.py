"""Dead letters are counted and redriven, from the topic and from the file, also when stopped, killed and
resumed."""

import json
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from support import kafka_admin
from support.ingestor import NDJSON, Ingestor, binary
from support.kafka_broker import KafkaBroker
from support.noise import COMPRESSED, noise
from support.topic_reader import count_records, read_topic, wait_transactions_over
from support.waiting import wait_until

ToKafka = Callable[..., Ingestor]
STOPPED = 5


class Letters:
    """Two topics, `main` and `dlq`, and the commands that use them."""

    def __init__(self, broker: KafkaBroker, topic: str, folder: Path):
        self.broker = broker
        self.main = broker.create_topic(f"{topic}-main", partitions=3)
        self.dlq = broker.create_topic(f"{topic}-dead", partitions=2)
        self.folder = folder
        self.running: list[subprocess.Popen[str]] = []

    def put(self, count: int, size: int = 20, first: int = 0, **headers: str) -> None:
        """Produces dead letters of events e0, e1, ... with the types even and odd."""
        producer = Producer({"bootstrap.servers": self.broker.address, "linger.ms": 5})
        story = {
            "dlq_code": "message_too_large",
            "dlq_reason": "Broker: Message size too large",
            "dlq_attempts": "1",
            "dlq_topic": self.main,
            "dlq_failed_at": "2026-01-31T12:00:00.000Z",
            "trace_id": "0af7651916cd43dd8448eb211c80319c",
        }
        for n in range(first, first + count):
            producer.produce(
                self.dlq, self.event(n, size), f"e{n}", headers={**story, **headers}, on_delivery=_must_stand
            )
            producer.poll(0)
        assert producer.flush(30) == 0

    @staticmethod
    def event(n: int, size: int = 20) -> str:
        event = {"id": f"e{n}", "type": ("even", "odd")[n % 2], "timestamp": "2026-01-31T12:00:00Z"}
        return json.dumps({**event, "pad": noise(size)})

    def command(self, *arguments: str) -> list[str]:
        settings = (self.broker.address, self.main, self.dlq)
        flags = [
            f"--{key}={value}"
            for key, value in zip(("kafka.brokers", "kafka.topic", "kafka.dlq_topic"), settings, strict=True)
        ]
        return [str(binary()), *arguments, *flags]

    def run(self, *arguments: str, expect: int = 0) -> str:
        done = subprocess.run(
            self.command(*arguments), cwd=self.folder, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == expect, f"{done.returncode}\n{done.stdout}{done.stderr}"
        if arguments[0] == "redrive":
            for topic in (self.main, self.dlq):
                wait_transactions_over(self.broker.address, topic)
        return done.stdout

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.running.append(process)
        return process

    def redriven(self) -> Counter[str]:
        """How often each id is in the main topic."""
        return Counter(
            json.loads(record.value)["id"] for record in read_topic(self.broker.address, self.main)
        )

    def wait_redriven(self, count: int) -> None:
        wait_until(
            lambda: count_records(self.broker.address, self.main) >= count, 30, f"{count} are redriven"
        )


def _must_stand(error: object, _: object) -> None:
    assert error is None, error


def once(count: int, first: int = 0, step: int = 1) -> Counter[str]:
    return Counter(f"e{n}" for n in range(first, count, step))


def summary(output: str) -> dict[str, int]:
    """The first number of each kind in the output."""
    found: dict[str, int] = {}
    for line in output.splitlines():
        for kind in ("read", "matched", "sent back", "rejected", "skipped", "left"):
            if line.startswith(kind + " "):
                found.setdefault(kind, int(line[len(kind) :].split()[0].replace(",", "")))
    return found


@pytest.fixture
def letters(broker: KafkaBroker, topic: str, tmp_path: Path) -> Iterator[Letters]:
    made = Letters(broker, topic, tmp_path)
    yield made
    for process in made.running:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.mark.versions
@pytest.mark.sanitizer
def test_dead_letters_are_redriven_once_their_cause_is_repaired(
    to_kafka: ToKafka, broker: KafkaBroker, letters: Letters
) -> None:
    admin = kafka_admin.new_admin(broker.address)
    kafka_admin.set_topic_configs(admin, letters.main, max_message_bytes="2000")
    ingestor = to_kafka(
        KAFKA_TOPIC=letters.main, KAFKA_DLQ_TOPIC=letters.dlq, KAFKA_MAX_RETRIES=0, **COMPRESSED
    )
    lines = [letters.event(n, 4000 if n % 25 == 3 else 20) for n in range(1000)]
    assert ingestor.post("\n".join(lines), NDJSON).json()["accepted"] == 1000
    ingestor.wait_drained(60)
    poisoned = {f"e{n}" for n in range(1000) if n % 25 == 3}

    stats = json.loads(letters.run("dlq", "stats", "--json"))
    assert [(group["code"], group["topic"], group["letters"]) for group in stats["groups"]] == [
        ("message_too_large", letters.main, 40)
    ]
    kafka_admin.set_topic_configs(admin, letters.main, max_message_bytes="1000000")
    assert summary(letters.run("redrive"))["sent back"] == 40
    records = read_topic(broker.address, letters.main)
    assert Counter(json.loads(record.value)["id"] for record in records) == once(1000)
    for record in records:
        event_id = record.key.decode() if record.key else ""
        if event_id in poisoned:
            assert record.headers == {"dlq_redrives": b"1"}
            assert record.value.decode() == lines[int(event_id[1:])]
        else:
            assert record.headers == {}
    assert summary(letters.run("redrive"))["read"] == 0


def test_redriven_keys_values_and_headers_and_their_placement_are_the_same(
    broker: KafkaBroker, letters: Letters
) -> None:
    letters.put(50)
    letters.run("redrive")
    sent = read_topic(broker.address, letters.main)
    assert all(
        record.headers == {"trace_id": b"0af7651916cd43dd8448eb211c80319c", "dlq_redrives": b"1"}
        for record in sent
    )
    producer = Producer({"bootstrap.servers": broker.address, "partitioner": "murmur2_random"})
    again = broker.create_topic(f"{letters.main}-again", partitions=3)
    for record in sent:
        producer.produce(again, record.value, record.key)
    producer.flush(30)
    assert {(r.key, r.partition) for r in read_topic(broker.address, again)} == {
        (r.key, r.partition) for r in sent
    }


def test_only_those_that_match_are_counted_and_sent(letters: Letters) -> None:
    letters.put(20)
    letters.put(5, first=20, dlq_code="invalid_record", dlq_failed_at="2026-02-01T12:00:00.000Z")
    dry = letters.run("redrive", "--dry-run", "--type=odd", "--code=message_too_large")
    assert "message_too_large" in dry and " 10 " in dry
    assert letters.redriven() == Counter()
    letters.run("redrive", "--since=2026-02-01T00:00:00Z")
    assert letters.redriven() == once(25, first=20)
    letters.run("redrive", "--id=e3", "--id=e4", "--code=message_too_large")
    assert letters.redriven() == once(25, first=20) + Counter(["e3", "e4"])
    letters.run("redrive", "--type=odd", "--until=2026-02-01T00:00:00Z")
    assert letters.redriven() == once(25, first=20) + once(20, first=1, step=2) + Counter(["e4"])
    # The others are redriven by a second run.
    assert summary(letters.run("redrive")) == {"read": 25, "matched": 25, "sent back": 9, "skipped": 16}
    assert letters.redriven() == once(25)
    assert summary(letters.run("redrive", "--again", "--id=e7"))["sent back"] == 1
    assert letters.redriven()["e7"] == 2


def test_interrupted_and_resumed_nothing_is_sent_twice(letters: Letters) -> None:
    letters.put(300)
    for _ in range(2):
        process = letters.start("redrive", "--rate=50")
        letters.wait_redriven(len(letters.redriven()) + 40)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=20)
        assert process.returncode == STOPPED, output
        assert "the same command continues from here" in output
    partly = letters.redriven()
    assert 40 <= len(partly) < 300
    output = letters.run("redrive")
    assert "from where it stopped last" in output
    assert summary(output)["sent back"] == 300 - len(partly)
    assert letters.redriven() == once(300)


@pytest.mark.versions
def test_killed_and_resumed_nothing_is_sent_twice(letters: Letters) -> None:
    letters.put(2000)
    for sent in (100, 400, 700):
        process = letters.start("redrive", "--rate=1500")
        letters.wait_redriven(sent)
        process.kill()
        process.communicate()
    letters.run("redrive")
    assert letters.redriven() == once(2000)


def test_without_transactions_each_is_sent(letters: Letters) -> None:
    letters.put(300)
    process = letters.start("redrive", "--rate=50", "--no-transactions")
    letters.wait_redriven(50)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == STOPPED
    letters.run("redrive", "--no-transactions")
    assert letters.redriven() == once(300)


@pytest.mark.parametrize("how", [[], ["--no-transactions"]])
def test_one_that_is_refused_again_is_a_dead_letter_again_until_the_loop_guard(
    broker: KafkaBroker, letters: Letters, how: list[str]
) -> None:
    letters.put(30)
    letters.put(2, size=5000, first=30)
    admin = kafka_admin.new_admin(broker.address)
    kafka_admin.set_topic_configs(admin, letters.main, max_message_bytes="2000")
    output = letters.run("redrive", *how)
    assert (summary(output)["sent back"], summary(output)["rejected"]) == (30, 2)
    for _ in range(2):
        assert summary(letters.run("redrive", *how))["rejected"] == 2
    assert summary(letters.run("redrive", *how)) == {"read": 2, "matched": 2, "sent back": 0, "skipped": 2}
    dead = [r for r in read_topic(broker.address, letters.dlq) if "dlq_redrives" in r.headers]
    assert sorted(record.headers["dlq_redrives"] for record in dead) == [b"1", b"1", b"2", b"2", b"3", b"3"]
    assert all(record.headers["dlq_code"] == b"message_too_large" for record in dead)
    assert all(record.header_count == 7 for record in dead)
    kafka_admin.set_topic_configs(admin, letters.main, max_message_bytes="1000000")
    assert summary(letters.run("redrive", "--max-redrives=4", *how))["sent back"] == 2
    assert letters.redriven() == once(32)


def test_what_cannot_be_sent_back_is_counted_by_reason(letters: Letters) -> None:
    letters.put(1)
    letters.put(1, first=1, dlq_code="")
    letters.put(1, first=2, dlq_reference="dead-letters-00000000000000000001.ndjson:0")
    letters.put(1, first=3, dlq_topic=letters.dlq)
    output = letters.run("redrive")
    for reason in ("no dlq_code", "--from file", "dlq_topic can't be"):
        assert sum(reason in line and line.startswith("skipped     1 ") for line in output.splitlines()) == 1
    assert letters.redriven() == once(1)


def test_a_missing_topic_is_no_reason_to_lose_a_dead_letter(broker: KafkaBroker, letters: Letters) -> None:
    letters.put(3)
    # The brokers create any topic except one whose name collides with another's.
    letters.put(2, first=3, dlq_topic="no/such")
    output = letters.run("redrive")
    assert summary(output)["sent back"] == 3
    assert summary(output)["skipped"] == 2


def test_the_dead_letter_file_is_sent_back_too(
    to_kafka: ToKafka, broker: KafkaBroker, letters: Letters, tmp_path: Path
) -> None:
    admin = kafka_admin.new_admin(broker.address)
    for topic in (letters.main, letters.dlq):
        kafka_admin.set_topic_configs(admin, topic, max_message_bytes="2000")
    folder = tmp_path / "letters"
    ingestor = to_kafka(
        KAFKA_TOPIC=letters.main,
        KAFKA_DLQ_TOPIC=letters.dlq,
        KAFKA_MAX_RETRIES=0,
        DEAD_LETTER_DIR=folder,
        **COMPRESSED,
    )
    lines = [letters.event(n, 4000) for n in range(60)]
    assert ingestor.post("\n".join(lines), NDJSON).json()["accepted"] == 60
    ingestor.wait_drained(60)
    for topic in (letters.main, letters.dlq):
        kafka_admin.set_topic_configs(admin, topic, max_message_bytes="1000000")
    stats = json.loads(letters.run("dlq", "stats", "--json", f"--from=file:{folder}"))
    assert stats["letters"] == 60
    assert summary(letters.run("redrive"))["skipped"] == 60, "references are in the topic"
    process = letters.start("redrive", f"--from=file:{folder}", "--rate=10")
    letters.wait_redriven(10)
    process.kill()
    process.communicate()
    assert 0 < len(letters.redriven()) < 60
    letters.run("redrive", f"--from=file:{folder}")
    assert letters.redriven() == once(60)
    assert all(
        record.value.decode() == lines[int(record.key[1:])]
        for record in read_topic(broker.address, letters.main)
    )


def test_delivery_is_retried_until_an_outage_ends(broker: KafkaBroker, letters: Letters) -> None:
    letters.put(600)
    process = letters.start("redrive", "--rate=200")
    letters.wait_redriven(100)
    broker.kill()
    stopped_at = time.monotonic()
    wait_until(lambda: time.monotonic() > stopped_at + 3, 5, "an outage of 3 s")
    broker.start()
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert letters.redriven() == once(600)


def test_another_redrive_of_the_same_job_ends_one_of_them(letters: Letters) -> None:
    letters.put(600)
    first = letters.start("redrive", "--rate=100")
    letters.wait_redriven(50)
    second = letters.start("redrive", "--rate=400")
    statuses = []
    for process in (first, second):
        output, _ = process.communicate(timeout=60)
        statuses.append(process.returncode)
        if process.returncode != 0:
            assert "has taken over" in output
    assert sorted(statuses) == [0, 1]
    assert letters.redriven() == once(600)


def test_wrong_options_are_refused_before_anything_is_asked(letters: Letters) -> None:
    for arguments in (["redrive", "--since=yesterday"], ["redrive", "--rate=0"], ["dlq", "stats", "--again"]):
        letters.run(*arguments, expect=2)
    output = letters.run("redrive", "--kafka.dlq_topic=no-such-topic!", expect=2)
    assert output == ""
