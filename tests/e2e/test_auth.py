"""Clients with API keys: who may send, what each may send, and how keys are changed."""

import base64
import json
import os
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from support.clients_file import ClientsFile
from support.ingestor import EVENTS, NDJSON, Ingestor, run_to_exit
from support.waiting import wait_until

Serve = Callable[..., Ingestor]
EVENT = {"type": "order.paid"}
ROTATIONS = int(os.environ.get("EI_ROTATIONS", "20"))


@pytest.fixture
def clients(tmp_path: Path) -> ClientsFile:
    return ClientsFile(tmp_path)


@pytest.fixture
def serve_clients(serve: Serve, clients: ClientsFile) -> Serve:
    """A service with the file sink and AUTH=keys; the clients have to be added before it starts."""

    def start(**settings: object) -> Ingestor:
        own = {"SINK": "file", "AUTH": "keys", "AUTH_CLIENTS_FILE": clients.path}
        return serve(**(own | settings))

    return start


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def basic(name: str, key: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{key}".encode()).decode()}


@pytest.mark.sanitizer
def test_only_clients_with_a_key_may_send(clients: ClientsFile, serve_clients: Serve) -> None:
    key = clients.add("orders")
    ingestor = serve_clients()
    for headers in (bearer(key), {"X-API-Key": key}, basic("orders", key)):
        assert ingestor.post(EVENT, headers=headers).status == 202, headers
    wrong_secret = key[:-12] + ("a" if key[-12] != "a" else "b") + key[-11:]
    refused = [
        {},
        bearer(wrong_secret),
        bearer("ei_nothing"),
        bearer(""),
        bearer("x" * 8_000),
        basic("billing", key),
        {"Authorization": "Basic !!!"},
        {"Authorization": "Digest " + key},
        bearer(key) | {"X-API-Key": wrong_secret},
    ]
    for headers in refused:
        reply = ingestor.post(EVENT, headers=headers)
        assert (reply.status, reply.code) == (401, "unauthenticated"), headers
        assert "Bearer" in reply.headers["www-authenticate"]
    metrics = ingestor.metrics()
    assert metrics.value("event_ingestor_events_accepted_total") == 3
    assert metrics.value("event_ingestor_client_events_accepted_total", client="orders") == 3
    assert metrics.value("event_ingestor_authentication_failures_total", reason="no_credentials") >= 1
    assert metrics.value("event_ingestor_open_access") == 0
    ingestor.close()
    secret = key.split("_")[2][:20]
    assert secret not in ingestor.output() and wrong_secret not in ingestor.output()
    assert ingestor.log_lines("a request has no valid credentials")


@pytest.mark.sanitizer
def test_each_client_has_its_own_rights(clients: ClientsFile, serve_clients: Serve) -> None:
    key = clients.add("orders", types='["order.*"]', acks="[memory]")
    ops = clients.add("ops", admin="true", types="[]")
    ingestor = serve_clients(ADMIN_AUTH="clients", ADMIN_PORT=0)
    batch = ingestor.post([EVENT, {"type": "refund"}], headers=bearer(key))
    assert batch.status == 207
    assert [error["code"] for error in batch.json()["errors"]] == ["type_not_allowed"]
    single = ingestor.post({"type": "refund"}, headers=bearer(key))
    assert (single.status, single.code) == (403, "type_not_allowed")
    asked = ingestor.request(
        "POST",
        EVENTS + "?ack=broker",
        b"{}",
        {"Content-Type": "application/json"} | bearer(key),
    )
    assert (asked.status, asked.code) == (403, "ack_not_allowed")
    assert ingestor.post(EVENT, headers=bearer(ops)).code == "type_not_allowed"

    def metrics_status(headers: dict[str, str]) -> int:
        return ingestor.request("GET", "/metrics", headers=headers, port=ingestor.admin_port).status

    assert [metrics_status(headers) for headers in ({}, bearer(key), bearer(ops))] == [
        401,
        403,
        200,
    ]
    for probe in ("/livez", "/readyz"):
        assert ingestor.request("GET", probe, port=ingestor.admin_port).status == 200


def test_a_clients_own_rate_holds_back_that_client_alone(clients: ClientsFile, serve_clients: Serve) -> None:
    slow = clients.add("slow", rate=10, burst=20)
    other = clients.add("other-client")
    ingestor = serve_clients(HTTP_TRUSTED_PROXIES="127.0.0.1")
    batch = "\n".join(json.dumps(EVENT) for _ in range(20))
    with ingestor.connect() as proxy:

        def post(key: str):
            headers = {"Content-Type": NDJSON, "X-Forwarded-For": "10.0.0.1"} | bearer(key)
            return proxy.request("POST", EVENTS, batch.encode(), headers)

        accepted = post(slow)
        assert accepted.status == 202
        assert accepted.headers["ratelimit-policy"] == '"client";q=20;w=2;qu="events"'
        refused = post(slow)
        assert (refused.status, refused.code) == (429, "rate_limited")
        assert refused.json()["violated-policies"] == ["client"]
        assert int(refused.headers["retry-after"]) in (1, 2)
        assert refused.headers["ratelimit"].startswith('"client";r=0;t=')
        for _ in range(50):
            assert post(other).status == 202
    assert ingestor.metric("client_events_accepted_total", client="slow") == 20
    assert ingestor.metric("client_over_share_total", resource="own_rate") >= 1


def test_keys_rotate_under_load(clients: ClientsFile, serve_clients: Serve) -> None:
    key = clients.add("orders")
    ingestor = serve_clients()
    stop = threading.Event()
    statuses: list[int] = []

    def send() -> None:
        with ingestor.connect() as connection:
            while not stop.is_set():
                headers = {"Content-Type": "application/json"} | bearer(key)
                statuses.append(
                    connection.request("POST", EVENTS, json.dumps(EVENT).encode(), headers).status
                )

    senders = [threading.Thread(target=send) for _ in range(2)]
    for sender in senders:
        sender.start()
    previous = key
    for _ in range(ROTATIONS):
        previous, fresh = key, clients.rotate("orders", "--grace", "1h")
        wait_until(
            lambda fresh=fresh: ingestor.post(EVENT, headers=bearer(fresh)).status == 202,
            5,
            "the new key works",
        )
        key = fresh
    stop.set()
    for sender in senders:
        sender.join()
    assert set(statuses) == {202}
    assert ingestor.post(EVENT, headers=bearer(previous)).status == 202, "within its grace"
    metrics = ingestor.wait_drained()
    accepted = metrics.value("event_ingestor_events_accepted_total")
    assert metrics.value("event_ingestor_events_delivered_total") == accepted > len(statuses)


def test_a_revoked_key_is_refused(clients: ClientsFile, serve_clients: Serve) -> None:
    key = clients.add("orders")
    clients.add("billing")
    ingestor = serve_clients()
    with ingestor.connect() as connection:

        def status() -> int:
            headers = {"Content-Type": "application/json"} | bearer(key)
            return connection.request("POST", EVENTS, json.dumps(EVENT).encode(), headers).status

        assert status() == 202
        clients.revoke("orders")
        wait_until(lambda: status() == 401, 5, "the revoked key is refused")


def test_a_file_with_a_fault_changes_nothing(clients: ClientsFile, serve_clients: Serve) -> None:
    key = clients.add("orders")
    ingestor = serve_clients()
    good = clients.path.read_text()
    for bad in (
        "",
        good + "  - name: orders\n",
        good.replace("keys:", "kyes:"),
        good[: len(good) // 2],
    ):
        failures = ingestor.metric("clients_file_failures_total")
        clients.replace(bad)
        wait_until(
            lambda failures=failures: ingestor.metric("clients_file_failures_total") > failures,
            5,
            "the fault is noticed",
        )
        assert ingestor.post(EVENT, headers=bearer(key)).status == 202
    clients.path.unlink()
    assert ingestor.post(EVENT, headers=bearer(key)).status == 202
    clients.replace(good)
    wait_until(
        lambda: ingestor.log_lines("the clients file was read again"),
        5,
        "it is read again",
    )
    errors = ingestor.log_lines("the clients file has a fault; the current clients stay in force")
    assert errors and all(line["error"] for line in errors)


def test_a_file_with_a_fault_refills_no_bucket(clients: ClientsFile, serve_clients: Serve) -> None:
    slow = clients.add("slow", rate=0.01, burst=1)
    clients.add("orders")
    ingestor = serve_clients()
    assert ingestor.post(EVENT, headers=bearer(slow)).status == 202
    assert ingestor.post(EVENT, headers=bearer(slow)).code == "rate_limited"
    good = clients.path.read_text()
    with_other_rate = good.replace("burst: 1", "burst: 2")
    assert with_other_rate != good
    clients.replace(with_other_rate.replace('- name: "orders"', '- name: "orders"\n    inflight_bytes: 2048'))
    wait_until(
        lambda: ingestor.log_lines("the clients file has a fault; the current clients stay in force"),
        5,
        "the fault is noticed",
    )
    clients.replace(good)
    wait_until(lambda: ingestor.log_lines("the clients file was read again"), 5, "it is read again")
    assert ingestor.post(EVENT, headers=bearer(slow)).code == "rate_limited"


def test_a_volume_of_kubernetes_is_followed(tmp_path: Path, serve: Serve) -> None:
    versions = [ClientsFile(tmp_path / "..2026_1"), ClientsFile(tmp_path / "..2026_2")]
    keys = []
    for version in versions:
        version.path.parent.mkdir()
        keys.append(version.add("orders"))
    data = tmp_path / "..data"
    data.symlink_to("..2026_1")
    (tmp_path / "clients.yaml").symlink_to("..data/clients.yaml")
    ingestor = serve(SINK="file", AUTH="keys", AUTH_CLIENTS_FILE=tmp_path / "clients.yaml")
    assert ingestor.post(EVENT, headers=bearer(keys[0])).status == 202
    fresh = tmp_path / "..data_tmp"
    fresh.symlink_to("..2026_2")
    fresh.rename(data)
    wait_until(
        lambda: ingestor.post(EVENT, headers=bearer(keys[1])).status == 202,
        5,
        "the new key works",
    )
    assert ingestor.post(EVENT, headers=bearer(keys[0])).status == 401


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"AUTH": "keys"}, "auth.clients_file: is not set"),
        ({"AUTH": "keys,magic"}, "auth.methods"),
        ({"AUTH": "jwt"}, "auth.jwks_url: is not set"),
        ({"AUTH_CLIENTS_FILE": "x.yaml"}, "auth.clients_file: has no effect"),
        ({"ADMIN_AUTH": "clients"}, "admin.auth: has no effect"),
        (
            {"AUTH": "keys", "AUTH_CLIENTS_FILE": "x.yaml", "HTTP_CLIENTS_MAX": 0},
            "http.clients_max: is 0",
        ),
    ],
)
def test_settings_that_leave_a_door_open_fail_the_start(settings: dict[str, object], complaint: str) -> None:
    done = run_to_exit(settings={"SINK": "file"} | settings)
    assert done.status == 2, done.said
    assert complaint in done.stderr


def test_a_clients_file_with_a_fault_fails_the_start(clients: ClientsFile) -> None:
    clients.add("orders")
    clients.edit('name: "orders"', 'nmae: "orders"')
    settings = {"SINK": "file", "AUTH": "keys", "AUTH_CLIENTS_FILE": clients.path}
    done = run_to_exit(settings=settings)
    assert done.status == 2, done.said
    assert "nmae" in done.said and "clients.yaml" in done.said
    checked = run_to_exit("config", "check", settings=settings)
    assert checked.status == 2 and "nmae" in checked.stderr


def test_open_access_is_reported(serve: Serve) -> None:
    ingestor = serve(SINK="file", HTTP_ADDRESS="0.0.0.0")
    assert ingestor.metric("open_access") == 1
    wait_until(lambda: ingestor.log_lines(component="auth", level="warn"), 5, "the warning")


def test_curl_sends_each_form_of_a_key(clients: ClientsFile, serve_clients: Serve) -> None:
    key = clients.add("orders")
    ingestor = serve_clients()
    forms = (
        ["-u", f"orders:{key}"],
        ["-H", f"Authorization: Bearer {key}"],
        ["-H", f"X-API-Key: {key}"],
    )
    for form in forms:
        done = subprocess.run(
            [
                "curl",
                "-sS",
                "-w",
                "%{http_code}",
                "-o",
                "/dev/null",
                *form,
                "--json",
                json.dumps(EVENT),
            ]
            + [f"http://127.0.0.1:{ingestor.port}/events"],
            capture_output=True,
            text=True,
            timeout=20,
            check=True,
        )
        assert done.stdout == "202", (form, done)
