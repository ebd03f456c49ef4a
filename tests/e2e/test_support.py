"""Tests of the tests' own tools, so that a failure elsewhere is caused by the service."""

import json
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from support.http_client import ConnectionClosed, RawConnection, build_request, chunked
from support.kafka_broker import KafkaBroker
from support.load import LoadClient, ndjson_events, single_events
from support.metrics import Metrics
from support.murmur2 import java_partition, murmur2
from support.topic_reader import count_records, read_topic
from support.waiting import wait_until


class _Answers(socketserver.StreamRequestHandler):
    """A keep-alive server that accepts events, depending on the id's last digit: 3 is rejected with 429, 7 is
    accepted and the connection closed, 9 closes the connection without an answer. Of a batch it rejects the
    first event."""

    def handle(self) -> None:
        while self.rfile.readline():
            length, batch = 0, False
            while (line := self.rfile.readline()) != b"\r\n":
                name, _, value = line.decode().strip().partition(": ")
                length = int(value) if name == "Content-Length" else length
                batch = batch or value == "application/x-ndjson"
            body = self.rfile.read(length)
            if batch:
                self._reply(
                    207, {"accepted": body.count(b"\n") - 1, "errors": [{"index": 0, "code": "invalid_id"}]}
                )
                continue
            event_id = json.loads(body)["id"]
            if event_id.endswith("9"):
                return
            if event_id.endswith("3"):
                self._reply(429, {"code": "rate_limited"}, "Retry-After: 1\r\n")
            elif event_id.endswith("7"):
                self._reply(202, {"id": event_id}, "Connection: close\r\n")
                return
            else:
                self._reply(202, {"id": event_id})

    def _reply(self, status: int, body: dict, headers: str = "") -> None:
        data = json.dumps(body).encode()
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(data)}\r\n{headers}\r\n"
        self.wfile.write(head.encode() + data)


@pytest.fixture
def answers() -> Iterator[int]:
    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        request_queue_size = 64

    with Server(("127.0.0.1", 0), _Answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_load_client_books_every_answer(answers: int) -> None:
    with LoadClient(answers, single_events("a"), connections=4, requests=400, pause_on_refusal=0) as load:
        wait_until(lambda: load.result.requests + load.result.broken == 400, 20, "all requests done")
        result = load.stop()
    assert result.statuses[202] == len(set(result.accepted)) == len(result.accepted)
    assert result.codes == {"rate_limited": result.statuses[429]}
    assert result.retry_after_missing == 0
    assert result.broken == len(result.unanswered)
    assert 30 <= result.statuses[429] <= 50 and 30 <= result.broken <= 50
    assert result.statuses[202] + result.statuses[429] + result.broken == 400
    assert all(id[-1] in "01245678" for id in result.accepted)
    assert all(id.endswith("9") for id in result.unanswered)


def test_load_client_counts_the_accepted_part_of_a_batch(answers: int) -> None:
    with LoadClient(answers, ndjson_events("b", 5), connections=1, requests=3) as load:
        load.wait_requests(3)
        result = load.stop()
    assert result.accepted == [f"b-0-{n}" for n in range(15) if n % 5 != 0]
    assert result.codes == {"invalid_id": 3}


def test_load_client_keeps_trying_a_closed_port() -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), _Answers) as server:
        port = server.server_address[1]
    with LoadClient(port, single_events("c"), connections=2) as load:
        wait_until(lambda: load.result.connect_errors >= 4, 10, "it tries again")
        assert load.stop().accepted == []


def test_raw_connection_reads_replies_in_turn(answers: int) -> None:
    with RawConnection(answers) as connection:
        bodies = [json.dumps({"id": f"r{n}"}).encode() for n in (1, 3, 9)]
        connection.send(b"".join(build_request("POST", "/events", body) for body in bodies))
        assert connection.read_reply().status == 202
        assert connection.read_reply().status == 429
        with pytest.raises(ConnectionClosed):
            connection.read_reply()
        assert connection.is_closed()


def test_chunked_body_is_framed_as_the_standard_says() -> None:
    assert chunked(b"hello", b"x" * 16) == b"5\r\nhello\r\n10\r\n" + b"x" * 16 + b"\r\n0\r\n\r\n"


def test_murmur2_agrees_with_the_java_client() -> None:
    # From Kafka's own UtilsTest.
    vectors = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536}
    vectors |= {b"a-little-bit-longer-string": -1486304829, b"abc": 479470107}
    assert {key: murmur2(key) for key in vectors} == {k: h & 0xFFFFFFFF for k, h in vectors.items()}


def test_metrics_are_summed_over_labels() -> None:
    text = (
        '# TYPE a_total counter\na_total{code="x",s="1"} 2\na_total{code="x",s="2"} 3\na_total{code="y"} 4\n'
    )
    metrics = Metrics(text)
    assert metrics.value("a_total") == 9
    assert metrics.value("a_total", code="x") == 5
    assert metrics.value("b_total") == 0


def test_wait_until_fails_with_what_was_missing() -> None:
    with pytest.raises(AssertionError, match="the moon is full"):
        wait_until(lambda: False, 0.05, "the moon is full")


def test_a_paused_broker_has_no_thread_that_runs(broker: KafkaBroker) -> None:
    for _ in range(20):
        broker.pause()
        tasks = Path(f"/proc/{broker.pid}/task").glob("*/stat")
        states = {task.read_text().rpartition(")")[2].split()[0] for task in tasks}
        broker.resume()
        assert states == {"T"}


def test_topic_reader_reads_everything_from_a_broker_that_was_killed(broker: KafkaBroker, topic: str) -> None:
    producer = Producer(
        {"bootstrap.servers": broker.address, "partitioner": "murmur2_random", "log_level": 0}
    )
    for n in range(3000):
        producer.produce(topic, key=f"k{n}", value=f"v{n}", headers={"h": b"1"} if n == 0 else None)
    assert producer.flush(20) == 0
    broker.kill()
    broker.start()
    assert count_records(broker.address, topic) == 3000
    records = read_topic(broker.address, topic)
    assert {record.key for record in records} == {f"k{n}".encode() for n in range(3000)}
    assert all(record.partition == java_partition(record.key or b"", 6) for record in records)
    assert [record.headers for record in records if record.key == b"k0"] == [{"h": b"1"}]
    assert read_topic(broker.address, "no-such-topic") == []
