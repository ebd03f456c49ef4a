"""A real balancer that passes TCP through: HAProxy, with headers of the PROXY protocol."""

import json
import signal
import ssl
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.certificates import EC_KEY, Authority
from support.clients_file import ClientsFile
from support.haproxy import CHECK_SECONDS, Haproxy
from support.http_client import ConnectionClosed, RawConnection
from support.ingestor import EVENTS, JSON, Ingestor
from support.waiting import wait_until

EVENT = json.dumps({"type": "order.paid"}).encode()


@dataclass
class Pods:
    """start() starts services that only a balancer on this machine may connect to; a setting that is None is left
    out. `authority`: of their certificates; None: plain HTTP."""

    start: Callable[..., Ingestor]
    authority: Authority | None

    def context(self) -> ssl.SSLContext | None:
        if self.authority is None:
            return None
        return ssl.create_default_context(cafile=str(self.authority.certificate))

    def post(self, port: int, source: str | None = None) -> int:
        """One event on a new connection; returns the status."""
        with RawConnection(port, tls=self.context(), source=source) as connection:
            return connection.request("POST", EVENTS, EVENT, {"Content-Type": JSON}).status


@pytest.fixture(params=["plain", "tls"])
def pods(request: pytest.FixtureRequest, serve: Callable[..., Ingestor], tmp_path: Path) -> Pods:
    own: dict[str, object] = {
        "SINK": "file",
        "HTTP_PROXY_PROTOCOL": "required",
        "HTTP_TRUSTED_PROXIES": "127.0.0.1",
        "ADMIN_PORT": 0,
    }
    authority = None
    if request.param == "tls":
        authority = Authority(tmp_path / "ca")
        issued = authority.issue("server", new_key=EC_KEY)
        own |= {"HTTP_TLS_CERTIFICATE_FILE": issued.certificate, "HTTP_TLS_KEY_FILE": issued.key}
    context = Pods(serve, authority).context()

    def start(**settings: object) -> Ingestor:
        given = {name: value for name, value in (own | settings).items() if value is not None}
        return serve(tls=context, **given)

    return Pods(start, authority)


def test_clients_behind_a_balancer_have_their_own_addresses(pods: Pods, tmp_path: Path) -> None:
    clients = ClientsFile(tmp_path)
    clients.add("orders")
    ingestor = pods.start(AUTH="keys", AUTH_CLIENTS_FILE=clients.path)
    with Haproxy([ingestor], pods.authority) as balancer:
        assert pods.post(balancer.port, source="127.0.0.5") == 401
        wait_until(
            lambda: ingestor.log_lines("a request has no valid credentials", client="127.0.0.5"),
            5,
            "the log names the client's address",
        )
        assert ingestor.metric("connections_dropped_total", reason="proxy_header") == 0


@pytest.mark.parametrize("admin_port", [0, None], ids=["on the admin port", "with a header"])
def test_the_balancers_health_checks_are_answered(pods: Pods, admin_port: object) -> None:
    ingestor = pods.start(ADMIN_PORT=admin_port)
    with Haproxy([ingestor], pods.authority) as balancer:
        wait_until(
            lambda: balancer.checks().get(ingestor.port) == "L7OK", 10, "the health check gets an answer"
        )


def test_a_stop_behind_a_balancer_fails_no_request(pods: Pods) -> None:
    delay = f"{round(20 * CHECK_SECONDS)}s"
    leaving, staying = (pods.start(SHUTDOWN_DELAY=delay) for _ in range(2))
    stop = threading.Event()
    results: Counter[object] = Counter()

    def send() -> None:
        counted: Counter[object] = Counter()
        while not stop.is_set():
            try:
                counted[pods.post(balancer.port)] += 1
            except (OSError, ConnectionClosed) as error:
                counted[repr(error)] += 1
        results.update(counted)

    with Haproxy([leaving, staying], pods.authority) as balancer:
        senders = [threading.Thread(target=send) for _ in range(2)]
        for sender in senders:
            sender.start()
        try:
            wait_until(lambda: leaving.metric("events_accepted_total") > 20, 20, "both are in use")
            leaving.signal(signal.SIGTERM)
            assert leaving.wait_exit() == 0
            before = staying.metric("events_accepted_total")
            wait_until(lambda: staying.metric("events_accepted_total") > before + 20, 20, "the other goes on")
        finally:
            stop.set()
            for sender in senders:
                sender.join()
    assert set(results) == {202}, results
