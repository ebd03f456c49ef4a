"""The contract with HTTP clients. The sink is the file sink, which stores exactly the accepted bytes."""

import json
import re
from pathlib import Path

import pytest
from support.http_client import RawConnection, Reply, build_request, chunked
from support.ingestor import EVENTS, JSON, NDJSON, Ingestor
from support.waiting import wait_until

UUID_V7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
RFC3339_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
NO_SUCH_ID = "no-such-id"


def stored_lines(ingestor: Ingestor) -> list[bytes]:
    """The events in the default directory of the file sink, oldest file first."""
    files = sorted(path for path in (ingestor.cwd / "var/events").rglob("*") if path.is_file())
    # Text after the last line break is still being written.
    return [line for path in files for line in path.read_bytes().split(b"\n")[:-1]]


def stored(ingestor: Ingestor, mark: str) -> bytes:
    """Waits for the one stored event that contains `mark` and returns it."""

    def find() -> list[bytes]:
        return [line for line in stored_lines(ingestor) if mark.encode() in line]

    found = wait_until(find, 10, f"an event with {mark} is stored")
    assert len(found) == 1, found
    return found[0]


def assert_problem(reply: Reply, status: int, code: str) -> dict:
    """Checks for RFC 9457 with the stable code."""
    assert (reply.status, reply.code) == (status, code), reply
    problem = reply.json()
    assert problem["status"] == status
    assert isinstance(problem["title"], str) and problem["title"]
    assert isinstance(problem["detail"], str) and problem["detail"]
    return problem


# --- one event


@pytest.mark.sanitizer
def test_a_single_event_is_accepted_with_its_id(filed: Ingestor) -> None:
    reply = filed.post({"id": "one-1", "type": "page_view", "payload": {"path": "/"}})
    assert reply.status == 202
    assert reply.content_type == JSON
    assert reply.body == b'{"status":"accepted","id":"one-1"}'
    assert reply.headers["event-ack"] == "memory"


@pytest.mark.sanitizer
def test_a_missing_id_and_timestamp_are_put_first(filed: Ingestor) -> None:
    reply = filed.post('{ "type" : "t", "payload": "mark-generated"}')
    event_id = reply.json()["id"]
    assert UUID_V7.fullmatch(event_id), event_id
    line = stored(filed, "mark-generated").decode()
    match = re.fullmatch(
        r'\{"id":"([^"]+)","timestamp":"([^"]+)", "type" : "t", "payload": "mark-generated"\}', line
    )
    assert match and match[1] == event_id and RFC3339_UTC.fullmatch(match[2]), line


def test_generated_ids_are_distinct_and_in_order(filed: Ingestor) -> None:
    lines = "".join('{"type":"t"}\n' for _ in range(200))
    reply = filed.post(lines, NDJSON, {"Prefer": "return=representation"})
    ids = re.findall(UUID_V7, reply.body.decode())
    assert len(set(ids)) == 200
    milliseconds = [event_id[:13] for event_id in ids]
    assert milliseconds == sorted(milliseconds)


def test_a_missing_timestamp_is_put_before_the_clients_members(filed: Ingestor) -> None:
    assert filed.post('{"type":"t","id":"ts-1"}').status == 202
    line = stored(filed, '"ts-1"').decode()
    match = re.fullmatch(r'\{"timestamp":"([^"]+)","type":"t","id":"ts-1"\}', line)
    assert match and RFC3339_UTC.fullmatch(match[1]), line


def test_a_missing_id_is_put_before_the_clients_members(filed: Ingestor) -> None:
    reply = filed.post('{"timestamp":"2026-01-31T12:00:00+01:00","type":"t","m":"mark-id"}')
    expected = (
        f'{{"id":"{reply.json()["id"]}","timestamp":"2026-01-31T12:00:00+01:00","type":"t","m":"mark-id"}}'
    )
    assert stored(filed, "mark-id").decode() == expected


COMPLETE = '"type":"t","timestamp":"2026-01-31T12:00:00Z"'


@pytest.mark.sanitizer
@pytest.mark.parametrize(
    "event",
    [
        f'{{"id":"raw-spacing" ,   {COMPLETE} , "payload" : [ 1 ,2,   3 ]   }}',
        f'{{"id":"raw-numbers",{COMPLETE},"payload":[1e999,-1E-999,0.1000000000000000000000000001,-0,1.0]}}',
        f'{{"id":"raw-integer",{COMPLETE},"payload":1234567890123456789012345678901234567890}}',
        f'{{"id":"raw-escapes",{COMPLETE},"payload":"\\u0041\\/\\"\\\\\\ud83d\\ude00\\n"}}',
        f'{{"id":"raw-unicode",{COMPLETE},"payload":"żółć 漢字 😀 \u2028"}}',
        f'{{"payload":{{"id":"inner","id":"twice"}},"extra":null,"id":"raw-nested",{COMPLETE}}}',
        f'{{"id":"raw-tabs",\t{COMPLETE},\t"payload":true}}',
    ],
    ids=["spacing", "numbers", "integer", "escapes", "unicode", "nested", "tabs"],
)
def test_bytes_pass_untouched(filed: Ingestor, event: str) -> None:
    assert filed.post(event).status == 202
    mark = re.search(r'"raw-\w+"', event)
    assert mark
    assert stored(filed, mark[0]) == event.encode()


def test_white_space_around_the_document_is_no_part_of_it(filed: Ingestor) -> None:
    event = f'{{"id":"around",{COMPLETE}}}'
    assert filed.post(f" \r\n\t{event}\n \n").status == 202
    assert stored(filed, '"around"') == event.encode()


def test_an_escaped_id_is_returned_as_the_same_json_string(filed: Ingestor) -> None:
    reply = filed.post('{"id":"\\u00e9\\"\\n","type":"t"}')
    assert reply.status == 202
    assert reply.json()["id"] == 'é"\n'


@pytest.mark.parametrize(
    "timestamp", ["2026-01-31T12:00:00Z", "2026-01-31t12:00:00.123456789z", "2024-02-29T23:59:60-00:00"]
)
def test_every_form_of_rfc3339_is_taken(filed: Ingestor, timestamp: str) -> None:
    assert filed.post({"type": "t", "timestamp": timestamp}).status == 202


# --- validation

INVALID_EVENTS = {
    "missing_type": ["{}", '{"id":"a"}', '{"payload":{"type":"inner"}}'],
    "empty_type": ['{"type":""}'],
    "wrong_type": [
        '{"type":1}',
        '{"type":null}',
        '{"type":["t"]}',
        '{"type":"t","id":7}',
        '{"type":"t","id":null}',
        '{"type":"t","timestamp":1700000000}',
    ],
    "id_too_long": ['{"type":"t","id":"%s"}' % ("i" * 257)],
    "type_too_long": ['{"type":"%s"}' % ("t" * 257)],
    "bad_timestamp": [
        '{"type":"t","timestamp":""}',
        '{"type":"t","timestamp":"yesterday"}',
        '{"type":"t","timestamp":"2026-01-31"}',
        '{"type":"t","timestamp":"2026-02-29T12:00:00Z"}',
        '{"type":"t","timestamp":"2026-01-31T12:00:00"}',
        '{"type":"t","timestamp":"2026-01-31 12:00:00Z"}',
    ],
    "duplicate_member": [
        '{"type":"t","type":"t"}',
        '{"type":"t","x":1,"x":2}',
        '{"type":"t","t\\u0079pe":"u"}',
    ],
    "event_too_large": ['{"type":"t","payload":"%s"}' % ("x" * 1_000_000)],
}
CASES = [(code, event) for code, events in INVALID_EVENTS.items() for event in events]
CASE_NAMES = [f"{code}-{event[:40]}" for code, event in CASES]


@pytest.mark.sanitizer
@pytest.mark.parametrize(("code", "event"), CASES, ids=CASE_NAMES)
def test_an_invalid_single_event_is_refused_with_its_code(filed: Ingestor, code: str, event: str) -> None:
    assert_problem(filed.post(event), 413 if code == "event_too_large" else 422, code)


@pytest.mark.parametrize("document", ["1", '"text"', "null", "true", "-1.5e3"])
def test_a_document_that_is_no_object_or_array_is_refused(filed: Ingestor, document: str) -> None:
    assert_problem(filed.post(document), 422, "not_an_object")


@pytest.mark.parametrize(("code", "event"), CASES, ids=CASE_NAMES)
def test_an_invalid_event_of_a_batch_does_not_harm_its_neighbours(
    filed: Ingestor, code: str, event: str
) -> None:
    good = '{"type":"t"}'
    for body, content_type in ((f"[{good},{event},{good}]", JSON), (f"{good}\n{event}\n{good}\n", NDJSON)):
        reply = filed.post(body, content_type)
        assert reply.status == 207, (content_type, reply)
        assert (reply.json()["accepted"], reply.json()["rejected"]) == (2, 1)
        (error,) = reply.json()["errors"]
        assert (error["index"], error["code"]) == (1, code)
        assert isinstance(error["message"], str) and error["message"]


def test_limits_hold_to_the_byte(filed: Ingestor) -> None:
    assert filed.post({"type": "t" * 256, "id": "i" * 256}).status == 202
    frame = len('{"type":"t","payload":""}')
    assert filed.post('{"type":"t","payload":"%s"}' % ("x" * (1_000_000 - frame))).status == 202
    message = assert_problem(filed.post({"type": "t", "id": "i" * 257}), 422, "id_too_long")["detail"]
    assert "256" in message, "the limit is named"


# --- batches


@pytest.mark.sanitizer
def test_an_array_is_a_batch(filed: Ingestor) -> None:
    reply = filed.post([{"id": "arr-1", "type": "t"}, {"id": "arr-2", "type": "t"}])
    assert reply.status == 202
    assert reply.content_type == JSON
    assert reply.json() == {"accepted": 2, "rejected": 0, "errors": []}
    assert reply.headers["event-ack"] == "memory"
    assert b'"arr-1"' in stored(filed, "arr-1") and b'"arr-2"' in stored(filed, "arr-2")


@pytest.mark.sanitizer
@pytest.mark.parametrize("content_type", [NDJSON, "application/jsonl", "application/x-ndjson; charset=utf-8"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_ndjson_is_a_batch(filed: Ingestor, content_type: str, line_end: str) -> None:
    body = line_end.join(["", '{"type":"t"}', "", '{"type":"u"}', line_end, '{"type":"v"}'])
    reply = filed.post(body, content_type)
    assert reply.status == 202
    assert reply.json() == {"accepted": 3, "rejected": 0, "errors": []}


def test_a_malformed_line_spoils_only_itself_and_is_located(filed: Ingestor) -> None:
    lines = [
        '{"type":"t","id":"nd-1"}',
        '{"type":"t"',
        "garbage",
        '{"type":"t"}{"type":"t"}',
        '{"type":"t","id":"nd-2"}',
    ]
    reply = filed.post("\n".join(lines), NDJSON)
    assert reply.status == 207
    assert (reply.json()["accepted"], reply.json()["rejected"]) == (2, 3)
    errors = reply.json()["errors"]
    assert [error["index"] for error in errors] == [1, 2, 3]
    assert {error["code"] for error in errors} == {"malformed_json"}
    assert [error["line"] for error in errors] == [2, 3, 4]
    starts = [sum(len(line) + 1 for line in lines[:n]) for n in (1, 2, 3)]
    for error, start, line in zip(errors, starts, lines[1:4], strict=True):
        assert start <= error["offset"] <= start + len(line), error


def test_a_rejected_event_is_named_by_its_id(filed: Ingestor) -> None:
    reply = filed.post([{"type": "t"}, {"id": "named", "type": ""}, {"id": 7}])
    errors = reply.json()["errors"]
    assert [(error["index"], error["code"]) for error in errors] == [(1, "empty_type"), (2, "missing_type")]
    assert errors[0]["id"] == "named"


@pytest.mark.sanitizer
def test_a_batch_without_a_valid_event_is_unprocessable(filed: Ingestor) -> None:
    reply = filed.post([{"id": "x"}, 5])
    assert reply.status == 422
    assert [error["code"] for error in reply.json()["errors"]] == ["missing_type", "not_an_object"]
    assert (reply.json()["accepted"], reply.json()["rejected"]) == (0, 2)


@pytest.mark.parametrize(("body", "content_type"), [("[]", JSON), ("", NDJSON), ("\n \r\n", NDJSON)])
def test_a_batch_without_events_is_refused(filed: Ingestor, body: str, content_type: str) -> None:
    assert_problem(filed.post(body, content_type), 422, "empty_batch")


def test_an_array_with_a_grammar_fault_is_refused_whole(filed: Ingestor) -> None:
    before = filed.metric("events_accepted_total")
    assert_problem(filed.post('[{"type":"t"},{"type":"t",}]'), 400, "malformed_json")
    assert filed.metric("events_accepted_total") == before


@pytest.mark.sanitizer
def test_strict_handling_accepts_all_or_nothing(filed: Ingestor) -> None:
    before = filed.metric("events_accepted_total")
    body = [{"type": "t", "id": "strict"}, {"type": ""}]
    reply = filed.post(body, headers={"Prefer": "handling=strict"})
    assert reply.status == 422
    assert reply.json()["errors"][0]["index"] == 1
    assert reply.json()["accepted"] == 0
    assert filed.metric("events_accepted_total") == before
    assert filed.post([{"type": "t"}] * 3, headers={"Prefer": "handling=strict"}).json()["accepted"] == 3
    assert filed.metric("events_accepted_total") == before + 3


def test_representation_lists_every_event_with_its_id(filed: Ingestor) -> None:
    body = [{"type": "t", "id": "rep-1"}, {"type": "t"}, {"type": ""}]
    reply = filed.post(body, headers={"Prefer": "return=representation"})
    assert reply.status == 207
    events = reply.json()["events"]
    assert [event["index"] for event in events] == [0, 1]
    assert events[0]["id"] == "rep-1" and UUID_V7.fullmatch(events[1]["id"])
    plain = filed.post(body)
    assert "events" not in plain.json()


def test_repeated_ids_in_a_batch_are_all_accepted(filed: Ingestor) -> None:
    assert filed.post([{"type": "t", "id": "same"}] * 3).json()["accepted"] == 3


def test_too_many_events_are_refused(serve) -> None:
    ingestor = serve(SINK="file", BATCH_EVENTS_MAX=3)
    for body, content_type in (("[%s]", JSON), ("%s", NDJSON)):
        separator = "," if content_type == JSON else "\n"
        three = ingestor.post(body % separator.join(['{"type":"t"}'] * 3), content_type)
        assert three.status == 202
        four = ingestor.post(body % separator.join(['{"type":"t"}'] * 4), content_type)
        problem = assert_problem(four, 413, "batch_too_large")
        assert "3" in problem["detail"], "the limit is named"
    assert ingestor.metric("events_accepted_total") == 6


# --- routes, methods and media types


@pytest.mark.sanitizer
@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/jsonp", "application/json; charset=latin1", "nonsense", "", None],
)
def test_an_unknown_media_type_is_refused(filed: Ingestor, content_type: str | None) -> None:
    assert_problem(filed.post('{"type":"t"}', content_type), 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type",
    ["application/json; charset=utf-8", 'Application/JSON ;charset="UTF-8"', "application/json;x=y"],
)
def test_parameters_and_case_of_a_media_type_do_not_matter(filed: Ingestor, content_type: str) -> None:
    assert filed.post('{"type":"t"}', content_type).status == 202


def test_content_encoding_is_refused_where_it_is_not_spoken(filed: Ingestor) -> None:
    reply = filed.post(b"\x1f\x8b", headers={"Content-Encoding": "br"})
    assert_problem(reply, 415, "unsupported_encoding")


def test_an_unknown_expectation_is_refused(filed: Ingestor) -> None:
    assert_problem(filed.post('{"type":"t"}', headers={"Expect": "miracles"}), 417, "expectation_failed")


@pytest.mark.parametrize(
    "path", ["/", "/event", "/events/", "/events/1", "/Events", "/metrics/x", "/%65vents%00"]
)
def test_an_unknown_path_is_not_found(filed: Ingestor, path: str) -> None:
    assert_problem(filed.get(path), 404, "not_found")
    assert_problem(filed.request("POST", path, b"{}", {"Content-Type": JSON}), 404, "not_found")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD"])
def test_a_wrong_method_on_events_names_the_right_one(filed: Ingestor, method: str) -> None:
    reply = filed.request(method, EVENTS)
    assert reply.status == 405
    assert "POST" in reply.headers["allow"]
    if method != "HEAD":
        assert_problem(reply, 405, "method_not_allowed")


@pytest.mark.parametrize("path", ["/health", "/livez", "/readyz", "/metrics"])
def test_operational_routes_are_read_only(filed: Ingestor, path: str) -> None:
    reply = filed.request("POST", path, b"x")
    assert_problem(reply, 405, "method_not_allowed")
    assert {"GET", "HEAD"} <= {word.strip() for word in reply.headers["allow"].split(",")}


def test_a_query_does_not_change_the_route(filed: Ingestor) -> None:
    reply = filed.request("POST", f"{EVENTS}?source=web", b'{"type":"t"}', {"Content-Type": JSON})
    assert reply.status == 202
    assert filed.get("/livez?verbose").status == 200


# --- request ids


@pytest.mark.sanitizer
def test_a_request_id_is_echoed(filed: Ingestor) -> None:
    for reply in (
        filed.post({"type": "t"}, headers={"X-Request-ID": "req-42"}),
        filed.post({}, headers={"X-Request-ID": "req-42"}),
        filed.get("/nowhere", {"X-Request-ID": "req-42"}),
    ):
        assert reply.headers["x-request-id"] == "req-42"


def test_a_request_without_an_id_gets_one(filed: Ingestor) -> None:
    ids = {filed.post({"type": "t"}).headers["x-request-id"] for _ in range(5)}
    assert len(ids) == 5 and all(ids)


def test_a_request_id_cannot_smuggle_headers(filed: Ingestor) -> None:
    reply = filed.post({"type": "t"}, headers={"X-Request-ID": "a" * 5000})
    assert len(reply.headers["x-request-id"]) <= 256
    reply = filed.post({"type": "t"}, headers={"X-Request-ID": 'quote" and \xff'})
    assert re.fullmatch(r"[\x21-\x7e]+", reply.headers["x-request-id"])


# --- metrics and probes


def test_probes_answer_also_to_head(filed: Ingestor) -> None:
    for path in ("/health", "/livez", "/readyz", "/metrics"):
        got = filed.get(path)
        head = filed.request("HEAD", path)
        assert (got.status, head.status) == (200, 200), path
        assert head.headers["content-type"] == got.headers["content-type"]
        assert int(head.headers["content-length"]) > 0 and head.body == b""


def test_head_leaves_the_connection_usable(filed: Ingestor) -> None:
    with filed.connect() as connection:
        assert connection.request("HEAD", "/livez").status == 200
        assert connection.request("GET", "/livez").status == 200


METRIC_NAMES = """
http_requests_total http_request_duration_seconds_bucket http_connections http_inflight_bytes
events_received_total events_accepted_total events_rejected_total events_delivered_total
events_retried_total events_undelivered_total
journal_events journal_bytes journal_capacity_events journal_capacity_bytes journal_oldest_age_seconds
delivery_duration_seconds_bucket sink_inflight_events build_info
""".split()


@pytest.mark.sanitizer
def test_metrics_can_be_parsed_and_the_books_balance(filed: Ingestor) -> None:
    assert filed.post([{"type": "t"}, {"type": ""}]).status == 207
    metrics = filed.wait_drained()
    reply = filed.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    missing = [name for name in METRIC_NAMES if not metrics.has(f"event_ingestor_{name}")]
    process = ["cpu_seconds_total", "resident_memory_bytes", "open_fds", "start_time_seconds"]
    missing += [name for name in process if not metrics.has(f"process_{name}")]
    assert not missing
    assert all(metrics.documentation.values()), "every metric is explained"
    assert metrics.value("event_ingestor_events_delivered_total") > 0


def test_each_refusal_is_counted_by_its_code(filed: Ingestor) -> None:
    before = filed.metrics()
    assert filed.post({"type": ""}).status == 422
    assert filed.post([{"type": "t"}, {}, {}]).status == 207
    after = filed.metrics()

    def grown(name: str, **labels: str) -> float:
        name = f"event_ingestor_{name}"
        return after.value(name, **labels) - before.value(name, **labels)

    assert grown("events_received_total") == 4
    assert grown("events_accepted_total") == 1
    assert grown("events_rejected_total", code="empty_type") == 1
    assert grown("events_rejected_total", code="missing_type") == 2
    assert grown("http_requests_total", route="events", status="422") == 1
    assert grown("http_requests_total", route="events", status="207") == 1
    assert grown("http_request_duration_seconds_count", route="events") == 2


def test_unknown_paths_do_not_become_labels(filed: Ingestor) -> None:
    filed.get(f"/{NO_SUCH_ID}")
    assert NO_SUCH_ID not in filed.metrics().text


def test_the_admin_port_separates_the_operational_routes(serve) -> None:
    ingestor = serve(SINK="file", ADMIN_PORT=0)
    assert ingestor.admin_port not in (0, ingestor.port)
    for path in ("/health", "/livez", "/readyz", "/metrics"):
        assert ingestor.request("GET", path, port=ingestor.admin_port).status == 200
        assert_problem(ingestor.request("GET", path), 404, "not_found")
    assert ingestor.post({"type": "t"}).status == 202
    refused = ingestor.request(
        "POST", EVENTS, b'{"type":"t"}', {"Content-Type": JSON}, port=ingestor.admin_port
    )
    assert_problem(refused, 404, "not_found")


# --- limits of flow


def test_over_the_rate_limit_a_client_learns_when_to_return(serve) -> None:
    ingestor = serve(SINK="file", RATE_LIMIT_RPS=1, RATE_LIMIT_BURST=3)
    replies = [ingestor.post({"type": "t"}) for _ in range(6)]
    assert [reply.status for reply in replies[:3]] == [202] * 3
    refused = next(reply for reply in replies if reply.status == 429)
    problem = assert_problem(refused, 429, "rate_limited")
    assert "RATE_LIMIT" in problem["detail"].upper() or "rate_limit" in problem["detail"]
    assert int(refused.headers["retry-after"]) >= 1
    assert any(name.startswith("ratelimit") for name in refused.headers), refused.headers
    assert ingestor.metric("http_requests_total", status="429") >= 1


def test_a_batch_beyond_the_burst_is_taken_whole_and_paid_for_later(serve) -> None:
    ingestor = serve(SINK="file", RATE_LIMIT_RPS=1, RATE_LIMIT_BURST=3)
    assert ingestor.post([{"type": "t"}] * 30).status == 202
    refused = ingestor.post([{"type": "t"}] * 2)
    assert_problem(refused, 429, "rate_limited")
    assert int(refused.headers["retry-after"]) > 20
    assert ingestor.metric("events_accepted_total") == 30


# --- connections


@pytest.mark.sanitizer
def test_pipelined_requests_are_answered_in_order(filed: Ingestor) -> None:
    count = 300
    requests = []
    for n in range(count):
        if n % 50 == 49:
            requests.append(build_request("GET", "/livez", headers={"X-Request-ID": f"pipe-{n}"}))
            continue
        body = json.dumps({"type": "t" if n % 10 else "", "id": f"pipe-{n}"}).encode()
        headers = {"Content-Type": JSON, "X-Request-ID": f"pipe-{n}"}
        requests.append(build_request("POST", EVENTS, body, headers))
    with filed.connect() as connection:
        connection.send(b"".join(requests))
        for n in range(count):
            reply = connection.read_reply()
            assert reply.headers["x-request-id"] == f"pipe-{n}"
            assert reply.status == (200 if n % 50 == 49 else 202 if n % 10 else 422)


def test_a_request_may_arrive_byte_by_byte(filed: Ingestor) -> None:
    request = build_request("POST", EVENTS, b'{"type":"t","id":"bytes"}', {"Content-Type": JSON})
    with filed.connect() as connection:
        for byte in request:
            connection.send(bytes([byte]))
        assert connection.read_reply().json()["id"] == "bytes"


@pytest.mark.sanitizer
def test_chunked_bodies_are_read(filed: Ingestor) -> None:
    headers = {"Content-Type": JSON, "Transfer-Encoding": "chunked"}
    with filed.connect() as connection:
        body = chunked(b'{"type":', b'"t","id":"chunk', b'ed"}', trailer=b"X-Trailer: 1\r\n")
        connection.send(build_request("POST", EVENTS, body, headers))
        assert connection.read_reply().json()["id"] == "chunked"
        connection.send(
            build_request("POST", EVENTS, chunked(*[b"%c" % b for b in b'{"type":"t"}']), headers)
        )
        assert connection.read_reply().status == 202
        with_extension = b'c;name="a b"\r\n{"type":"t"}\r\n0\r\n\r\n'
        connection.send(build_request("POST", EVENTS, with_extension, headers))
        assert connection.read_reply().status == 202


@pytest.mark.sanitizer
def test_expect_continue_is_answered_before_the_body(filed: Ingestor) -> None:
    body = b'{"type":"t","id":"expected"}'
    headers = {"Content-Type": JSON, "Expect": "100-continue", "Content-Length": str(len(body))}
    with filed.connect() as connection:
        connection.send(build_request("POST", EVENTS, headers=headers))
        assert connection.read_reply().status == 100
        connection.send(body)
        assert connection.read_reply().json()["id"] == "expected"


def test_expect_continue_is_refused_before_the_body_where_it_would_be_anyway(filed: Ingestor) -> None:
    size = {"Expect": "100-continue", "Content-Length": "5000000000"}
    with filed.connect() as connection:
        connection.send(build_request("POST", EVENTS, headers=size | {"Content-Type": JSON}))
        assert_problem(connection.read_reply(), 413, "body_too_large")
    with filed.connect() as connection:
        connection.send(build_request("POST", EVENTS, headers=size | {"Content-Type": "text/plain"}))
        assert connection.read_reply().status in (413, 415)


def test_connections_are_kept_until_the_client_asks(filed: Ingestor) -> None:
    with filed.connect() as connection:
        for _ in range(3):
            reply = connection.request("POST", EVENTS, b'{"type":"t"}', {"Content-Type": JSON})
            assert reply.status == 202 and reply.headers.get("connection", "").lower() != "close"
        reply = connection.request("GET", "/livez", headers={"Connection": "close"})
        assert reply.headers["connection"].lower() == "close"
        assert connection.is_closed()


def test_http_1_0_closes_unless_asked_to_keep(filed: Ingestor) -> None:
    request = (
        b'POST /events HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: 12\r\n%s\r\n{"type":"t"}'
    )
    with filed.connect() as connection:
        connection.send(request % b"")
        assert connection.read_reply().status == 202
        assert connection.is_closed()
    with filed.connect() as connection:
        connection.send(request % b"Connection: keep-alive\r\n")
        reply = connection.read_reply()
        assert reply.status == 202
        if reply.headers.get("connection", "").lower() == "keep-alive":
            connection.send(request % b"")
            assert connection.read_reply().status == 202
        else:
            assert connection.is_closed()


def test_errors_with_a_readable_body_keep_the_connection(filed: Ingestor) -> None:
    with filed.connect() as connection:
        headers = {"Content-Type": JSON}
        assert connection.request("POST", EVENTS, b"{", headers).status == 400
        assert connection.request("POST", EVENTS, b"{}", headers).status == 422
        assert connection.request("GET", "/nowhere").status == 404
        assert connection.request("POST", EVENTS, b'{"type":"t"}', headers).status == 202


def test_a_client_that_goes_away_leaves_nothing_behind(filed: Ingestor) -> None:
    before = filed.metric("http_connections")
    for n in range(50):
        connection = filed.connect()
        connection.send(build_request("POST", EVENTS, b'{"type":"t"}', {"Content-Type": JSON})[: n + 20])
        connection.reset() if n % 2 else connection.close()
    wait_until(lambda: filed.metric("http_connections") <= before, 10, "their connections are gone")
    wait_until(lambda: filed.metric("http_inflight_bytes") == 0, 10, "their bytes are released")


def test_the_service_listens_where_it_says(filed: Ingestor) -> None:
    (line,) = filed.log_lines("listening")
    assert line["port"] == filed.port
    with RawConnection(filed.port) as connection:
        assert connection.request("GET", "/livez").status == 200


def test_stored_events_are_where_the_settings_say(filed: Ingestor) -> None:
    assert filed.post({"type": "t", "id": "where"}).status == 202
    assert json.loads(stored(filed, '"where"'))["id"] == "where"
    assert Path(filed.cwd / "var/events").is_dir()
