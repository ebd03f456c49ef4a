"""Wrong or malicious input: rejected with a status, without harm to anything else."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.http_client import ConnectionClosed, RawConnection, Reply, build_request, chunked
from support.ingestor import EVENTS, JSON, NDJSON, Ingestor, run_to_exit
from support.waiting import wait_until

MIB = 1 << 20
HEAD = b"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
EVENT = b'{"type":"t"}'


@pytest.fixture(scope="module")
def shared() -> Iterator[Ingestor]:
    with Ingestor(SINK="file", BODY_BYTES_MAX="2MiB") as ingestor:
        yield ingestor


@pytest.fixture(scope="module")
def shared_impatient() -> Iterator[Ingestor]:
    with Ingestor(SINK="file", HTTP_REQUEST_TIMEOUT="1s", HTTP_IDLE_TIMEOUT="1s") as ingestor:
        yield ingestor


@pytest.fixture
def service(shared: Ingestor) -> Iterator[Ingestor]:
    yield shared
    assert_unharmed(shared)


@pytest.fixture
def impatient(shared_impatient: Ingestor) -> Iterator[Ingestor]:
    """With short time-outs, for tests of slow clients. The other service has long ones, for busy machines."""
    yield shared_impatient
    assert_unharmed(shared_impatient)


def assert_unharmed(ingestor: Ingestor) -> None:
    """Checks that the service still serves and has released all resources of the test's requests."""
    assert ingestor.running, ingestor.output()
    assert ingestor.post(EVENT).status == 202
    wait_until(
        lambda: ingestor.metric("http_inflight_bytes") == 0, 10, "bytes of rejected bodies are released"
    )


def refusal(service: Ingestor, request: bytes, closes: bool = True) -> Reply:
    """Returns the only reply to these bytes; with `closes`, the connection must end after it."""
    with service.connect() as connection:
        connection.send_until_refused(request)
        reply = connection.read_reply()
        if closes:
            assert reply.headers.get("connection", "").lower() == "close", reply
            assert connection.is_closed()
    return reply


# --- headers that describe the body

CLOUD_EVENT = {"ce-specversion": "1.0", "ce-type": "outer", "ce-source": "/s", "ce-id": "o1"}


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        (CLOUD_EVENT | {"Content-Type": JSON}, 415, "cloudevents_unsupported"),
        ({"CE-Type": "outer", "Content-Type": JSON}, 415, "cloudevents_unsupported"),
        (CLOUD_EVENT | {"Content-Type": "text/plain"}, 415, "cloudevents_unsupported"),
        ({"Content-Type": "application/cloudevents+json"}, 415, "cloudevents_unsupported"),
        ({"Content-Type": "application/cloudevents-batch+json"}, 415, "cloudevents_unsupported"),
        ({"Content-Type": JSON, "Content-Range": "bytes 0-30/60"}, 400, "partial_body"),
        ({"Content-Type": "multipart/form-data; boundary=x"}, 415, "unsupported_media_type"),
        ({"Content-Type": "multipart/mixed; boundary=x"}, 415, "unsupported_media_type"),
    ],
)
def test_a_body_that_its_header_makes_something_else_is_never_taken_for_an_event(
    service: Ingestor, headers: dict[str, str], status: int, code: str
) -> None:
    before = service.metric("events_accepted_total")
    data = b'{"type":"inner","id":"i1"}'
    reply = refusal(service, build_request("POST", EVENTS, data, headers), closes=False)
    assert (reply.status, reply.code) == (status, code)
    assert service.metric("events_accepted_total") == before


# --- bodies


@pytest.mark.sanitizer
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \n ",
        b"{",
        b'{"type":"t"',
        b'{"type":"t}',
        b'{"type":"t",}',
        b'{"type":"t"}}',
        b'{"type":"t"}{"type":"t"}',
        b'{"type":"t"} x',
        b"{'type':'t'}",
        b'{"type":"t","payload":tru}',
        b'{"type":"t","payload":01}',
        b'{"type":"t","payload":+1}',
        b'{"type":"t","payload":.5}',
        b'{"type":"t","payload":1.}',
        b'{"type":"t","payload":[1,,2]}',
        b'{"type":"t","payload":NaN}',
        b'{"type":"t","payload":"\\x"}',
        b'{"type":"t","payload":"\\ud800"}',
        b'{"type":"t","payload":"\x01"}',
        b'{"type":"t","payload":"\x00"}',
        b'{"type":"t"}\x00',
        b'{"type":"t","payload":"\xff"}',
        b'{"type":"t","payload":"\xc0\xaf"}',
        b'{"type":"t","payload":"\xed\xa0\x80"}',
        b'{"type":"t","payload":"\xf4\x90\x80\x80"}',
        b'{"type":"t","pay\xfe":1}',
        b"\xef\xbb\xbf" + EVENT,
        EVENT.decode().encode("utf-16"),
        b"[" + EVENT,
        b"[" + EVENT + b",]",
        b"\x1f\x8b\x08\x00",
        bytes(range(256)),
    ],
)
def test_a_body_that_is_not_json_is_malformed(service: Ingestor, body: bytes) -> None:
    accepted = service.metric("events_accepted_total")
    reply = service.post(body)
    assert (reply.status, reply.code) == (400, "malformed_json"), body
    assert service.metric("events_accepted_total") == accepted


@pytest.mark.parametrize(
    "line", [b'{"type":"t","payload":"\xff"}', b'{"type":"t"', b"\x00", b'{"type":"t"}\x00']
)
def test_a_bad_line_is_refused_alone(service: Ingestor, line: bytes) -> None:
    reply = service.post(b"\n".join([EVENT, line, EVENT]), NDJSON)
    assert reply.status == 207
    assert [(e["index"], e["code"]) for e in reply.json()["errors"]] == [(1, "malformed_json")]


@pytest.mark.sanitizer
@pytest.mark.parametrize("opening", [b"[", b'{"a":'], ids=["arrays", "objects"])
def test_100k_levels_are_refused(service: Ingestor, opening: bytes) -> None:
    closing = {b"[": b"]", b'{"a":': b"}"}[opening]
    for deep in (opening * 100_000, opening * 100_000 + b"1" + closing * 100_000):
        for body in (deep, b'{"type":"t","payload":' + deep + b"}"):
            assert service.post(body).status == 400
        reply = service.post(b'{"type":"t","payload":' + deep + b"}\n", NDJSON)
        assert reply.status == 422 and reply.json()["errors"][0]["code"] in ("too_deep", "malformed_json")


def test_depth_is_allowed_up_to_its_limit(service: Ingestor) -> None:
    def nested(levels: int) -> bytes:
        return b'{"type":"t","payload":' + b"[" * levels + b"]" * levels + b"}"

    assert service.post(nested(63)).status == 202
    refused = service.post(nested(64))
    assert (refused.status, refused.code) == (400, "too_deep")
    assert service.post(b"[" + nested(63) + b"]").status == 202, (
        "the array of a batch doesn't count as a level of the event"
    )


@pytest.mark.sanitizer
def test_100_megabytes_are_refused_before_they_are_sent(service: Ingestor) -> None:
    body = b'{"type":"t","payload":"%s"}' % (b"x" * (100 * MIB))
    with service.connect() as connection:
        connection.send(HEAD + b"Content-Length: %d\r\n\r\n" % len(body))
        sent = connection.send_until_refused(body)
        assert sent < 50 * MIB
        reply = connection.read_reply()
    assert (reply.status, reply.code) == (413, "body_too_large")
    assert "2097152" in reply.json()["detail"] or "2MiB" in reply.json()["detail"], "the limit is named"


@pytest.mark.sanitizer
def test_an_endless_chunked_body_is_refused_at_the_limit(service: Ingestor) -> None:
    with service.connect() as connection:
        connection.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        sent = connection.send_until_refused(chunk * 1600)
        assert sent < 50 * MIB
        reply = connection.read_reply()
    assert (reply.status, reply.code) == (413, "body_too_large")


def test_a_body_of_exactly_the_limit_is_read(service: Ingestor) -> None:
    line = b'{"type":"t","payload":"%s"}\n' % (b"x" * 100_000)
    body = line * 20
    body += b" " * (2 * MIB - len(body))
    assert service.post(body, NDJSON).json()["accepted"] == 20
    assert service.post(body + b" ", NDJSON).status == 413


# --- slow and absent clients


@pytest.mark.sanitizer
def test_a_trickled_body_times_out(impatient: Ingestor) -> None:
    with impatient.connect() as connection:
        connection.send(HEAD + b"Content-Length: 1000\r\n\r\n")
        assert connection.drip(b"{" * 1000, every_seconds=0.05) < 1000
        reply = connection.read_reply()
        assert (reply.status, reply.code) == (408, "body_timeout")
        assert connection.is_closed()


def test_trickled_headers_time_out(impatient: Ingestor) -> None:
    with impatient.connect() as connection:
        assert connection.drip(HEAD + b"X: " + b"y" * 1000, every_seconds=0.05) < 1000
        reply = connection.read_reply()
        assert (reply.status, reply.code) == (408, "header_timeout")
        assert connection.is_closed()


def test_a_trickled_chunked_body_times_out(impatient: Ingestor) -> None:
    with impatient.connect() as connection:
        connection.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        assert connection.drip(b"1\r\nx\r\n" * 200, every_seconds=0.02) < 1200
        assert connection.read_reply().code == "body_timeout"
        assert connection.is_closed()


def test_an_idle_connection_is_closed_without_a_reply(impatient: Ingestor) -> None:
    with impatient.connect() as fresh, impatient.connect() as used:
        assert used.request("GET", "/livez").status == 200
        assert used.is_closed(5)
        assert fresh.is_closed(5)


@pytest.mark.parametrize("request_part", [HEAD[:30], HEAD, HEAD + b"Content-Length: 100\r\n\r\n{"])
def test_a_client_that_stops_sending_half_way_is_disconnected(service: Ingestor, request_part: bytes) -> None:
    accepted = service.metric("events_accepted_total")
    with service.connect() as connection:
        connection.send(request_part)
        connection.finish_sending()
        try:
            assert connection.read_reply().status in (400, 408)
        except ConnectionClosed as closed:
            assert closed.received == b""
        assert connection.is_closed()
    assert service.metric("events_accepted_total") == accepted


def test_a_client_that_sends_all_and_closes_its_half_gets_its_reply(service: Ingestor) -> None:
    with service.connect() as connection:
        connection.send(build_request("POST", EVENTS, EVENT, {"Content-Type": JSON}))
        connection.finish_sending()
        assert connection.read_reply().status == 202


def test_a_client_that_never_reads_is_disconnected(serve: Callable[..., Ingestor]) -> None:
    ingestor = serve(SINK="file", HTTP_REQUEST_TIMEOUT="500ms")
    with ingestor.connect() as connection:
        # Replies fill the socket until the server can't write any more; it must stop reading, then close the
        # connection.
        connection.send(build_request("GET", "/metrics") * 2000)
        wait_until(lambda: ingestor.metric("http_connections") <= 1, 20, "the silent reader is disconnected")
    assert ingestor.post(EVENT).status == 202


# --- framing


@pytest.mark.sanitizer
@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 12\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(EVENT),
        b"Transfer-Encoding: chunked\r\nContent-Length: 12\r\n\r\n" + chunked(EVENT),
        b"Content-Length: 12\r\nContent-Length: 13\r\n\r\n" + EVENT,
        b"Content-Length: 12\r\nContent-Length: 12\r\n\r\n" + EVENT,
        b"Content-Length: 12, 12\r\n\r\n" + EVENT,
        b"Content-Length: +12\r\n\r\n" + EVENT,
        b"Content-Length: -12\r\n\r\n" + EVENT,
        b"Content-Length: 0x0c\r\n\r\n" + EVENT,
        b"Content-Length: 12a\r\n\r\n" + EVENT,
        b"Content-Length: 1 2\r\n\r\n" + EVENT,
        b"Content-Length: 12.0\r\n\r\n" + EVENT,
        b"Content-Length:\r\n\r\n" + EVENT,
        b"Content-Length : 12\r\n\r\n" + EVENT,
        b"Content-Length: 18446744073709551628\r\n\r\n" + EVENT,
        b"Content-Length: 99999999999999999999999999\r\n\r\n" + EVENT,
        b"Transfer-Encoding: gzip\r\n\r\n" + EVENT,
        b"Transfer-Encoding: chunked, gzip\r\n\r\n" + chunked(EVENT),
        b"Transfer-Encoding: xchunked\r\n\r\n" + chunked(EVENT),
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(EVENT),
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + EVENT + b"\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n-c\r\n" + EVENT + b"\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0xc\r\n" + EVENT + b"\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n\r\n" + EVENT + b"\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nc\r\n" + EVENT + b"xx0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nb\r\n" + EVENT + b"\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n1000000000000000c\r\n" + EVENT + b"\r\n0\r\n\r\n",
    ],
)
def test_broken_framing_is_refused_and_the_connection_closed(service: Ingestor, framing: bytes) -> None:
    accepted = service.metric("events_accepted_total")
    # The bytes after it could be a smuggled request: they must never be parsed as one.
    smuggled = build_request("POST", EVENTS, EVENT, {"Content-Type": JSON})
    reply = refusal(service, HEAD + framing + smuggled)
    assert reply.status in (400, 413), reply
    assert reply.code in ("malformed_request", "body_too_large")
    assert service.metric("events_accepted_total") == accepted


@pytest.mark.sanitizer
@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /events HTTP/1.1\nHost: localhost\nContent-Length: 0\n\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: a\x00b\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX\x00: a\r\n\r\n",
        b"GET /li\x00vez HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nNo colon\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\n: no name\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX : y\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\n folded: y\r\n\r\n",
        b"GET /livez HTTP/1.1\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET  /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /livez\r\n\r\n",
        b"GET /livez HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"GET /livez HTTQ/1.1\r\nHost: localhost\r\n\r\n",
        b"G@T /livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 60,
        b"\x00" * 100,
        b"hello\r\n\r\n",
    ],
)
def test_a_malformed_head_is_refused_and_the_connection_closed(
    service: Ingestor, request_bytes: bytes
) -> None:
    reply = refusal(service, request_bytes + b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert (reply.status, reply.code) == (400, "malformed_request")


@pytest.mark.sanitizer
@pytest.mark.parametrize(
    "head",
    [
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * MIB + b"\r\n\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\n" + b"A: b\r\n" * 100_000 + b"\r\n",
        b"GET /livez HTTP/1.1\r\nHost: localhost\r\n" + b"y" * MIB,
        b"GET /" + b"x" * MIB + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"X" * MIB,
    ],
    ids=["one-long", "many", "no-end", "long-target", "long-method"],
)
def test_huge_headers_are_refused_and_the_connection_closed(service: Ingestor, head: bytes) -> None:
    with service.connect() as connection:
        assert connection.send_until_refused(head) <= len(head)
        reply = connection.read_reply()
        assert (reply.status, reply.code) in ((431, "headers_too_large"), (400, "malformed_request"))
        if head.startswith(b"GET /livez"):
            assert reply.status == 431
            assert "16384" in reply.json()["detail"] or "16KiB" in reply.json()["detail"], (
                "the limit is named"
            )


def test_headers_just_below_the_limit_are_read(service: Ingestor) -> None:
    assert service.get("/livez", {"X": "y" * 15_000}).status == 200


def test_requests_after_a_refused_one_are_not_answered(service: Ingestor) -> None:
    good = build_request("POST", EVENTS, EVENT, {"Content-Type": JSON})
    with service.connect() as connection:
        connection.send(good + b"nonsense\r\n\r\n" + good)
        assert connection.read_reply().status == 202
        assert connection.read_reply().status == 400
        assert connection.is_closed()


# --- faults of the environment


def assert_refused_start(status: int, words: list[str], **settings: object) -> None:
    finished = run_to_exit(settings={"HTTP_PORT": 0, "SINK": "file"} | settings)
    assert finished.status == status, finished
    for word in words:
        assert word in finished.said, f"{word} is not in: {finished.said}"
    assert "listening" not in finished.stdout


def test_a_port_in_use_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert_refused_start(1, [str(port), "in use"], HTTP_PORT=port)


def test_a_port_held_by_another_instance_is_in_use_too(service: Ingestor) -> None:
    # The listeners of one process share a port, but a second process must not be able to share it.
    assert_refused_start(1, [str(service.port)], HTTP_PORT=service.port)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"HTTP_PORT": "80a"}, ["HTTP_PORT", "80a", "65535"]),
        ({"HTTP_PORT": "65536"}, ["HTTP_PORT", "65536", "65535"]),
        ({"QUEUE_SIZE": "0"}, ["QUEUE_SIZE", "100000000"]),
        ({"SINK": "kafak"}, ["SINK", "kafak", "kafka"]),
        ({"LOG_LEVEL": "LOUD"}, ["LOG_LEVEL", "LOUD", "INFO"]),
        ({"KAFKA_RETRY_BACKOFF": "100"}, ["KAFKA_RETRY_BACKOFF", "100"]),
        ({"KAFKA_KEY": "payload/user"}, ["KAFKA_KEY", "payload/user"]),
        ({"KAFKA_TOPIC": "a b"}, ["KAFKA_TOPIC", "a b"]),
        ({"KAFKA_DLQ_TOPIC": "events"}, ["KAFKA_DLQ_TOPIC"]),
        ({"ACK": "disk"}, ["ACK", "disk", "memory"]),
        ({"ACK_MIN": "broker"}, ["ingest.ack", "ingest.ack_min", "wal", "broker"]),
    ],
)
def test_a_wrong_setting_is_named_with_its_range(settings: dict, words: list[str]) -> None:
    assert_refused_start(2, words, **settings)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("kafka:\n  brokerz: a:1\n", ["brokerz", "kafka.brokers"]),
        ("kafak:\n  brokers: a:1\n", ["kafak", "kafka"]),
        ("journal:\n  events_max: many\n", ["journal.events_max", "many"]),
        ("http: [\n", ["event-ingestor.yaml"]),
        ("http:\n  port: 1\n  port: 2\n", ["port"]),
    ],
)
def test_a_settings_file_with_a_slip_names_it_and_the_nearest_name(
    tmp_path: Path, text: str, words: list[str]
) -> None:
    path = tmp_path / "event-ingestor.yaml"
    path.write_text(text)
    assert_refused_start(2, words, CONFIG=path)


def test_a_settings_file_that_is_missing_is_named() -> None:
    assert_refused_start(2, ["none.yaml"], CONFIG="none.yaml")


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("--htpp.port=1", ["htpp.port", "http.port"]),
        ("--http.port=x", ["http.port", '"x"', "65535"]),
        ("--http.port", ["http.port", "value"]),
        ("sevre", ["sevre", "serve"]),
        ("-x", ["-x"]),
    ],
)
def test_wrong_usage_is_explained(argument: str, words: list[str]) -> None:
    finished = run_to_exit(argument)
    assert finished.status == 2, finished
    assert all(word in finished.stderr for word in words), finished


def test_a_directory_that_cannot_be_made_is_a_storage_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    directory = tmp_path / "file/events"
    assert_refused_start(4, [str(directory)], FILE_DIR=directory)


def test_a_directory_that_cannot_be_written_is_a_storage_failure() -> None:
    # Not even root can create files there, so the test works for every user.
    assert_refused_start(4, ["/proc/self/event-ingestor"], FILE_DIR="/proc/self/event-ingestor")


def test_many_broken_connections_leave_nothing_behind(service: Ingestor) -> None:
    descriptors = len(os.listdir(f"/proc/{service.pid}/fd"))
    for n in range(200):
        connection = RawConnection(service.port)
        connection.send((HEAD + b"Content-Length: 1000\r\n\r\n{")[: 1 + n])
        connection.reset() if n % 2 else connection.close()
    wait_until(
        lambda: len(os.listdir(f"/proc/{service.pid}/fd")) <= descriptors, 10, "descriptors are closed"
    )
