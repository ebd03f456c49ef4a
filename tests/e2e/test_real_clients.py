"""Programs and libraries that users send with, over TLS: each form of a key, and a client certificate."""

import base64
import json
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from support.certificates import Authority, Issued
from support.clients_file import ClientsFile
from support.ingestor import Ingestor

PROGRAMS = Path(__file__).resolve().parents[1] / "support/clients"
EVENT = '{"type":"order.paid"}'
Headers = dict[str, str]


@dataclass(frozen=True)
class Service:
    url: str
    ca: Path
    own: Issued  # of the client
    folder: Path


Send = Callable[[Service, list[Headers], bool], list[int]]


def run(*command: object, stdin: str = "") -> str:
    done = subprocess.run(
        [str(word) for word in command], input=stdin, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def curl(service: Service, requests: list[Headers], with_certificate: bool) -> list[int]:
    statuses = []
    for headers in requests:
        command: list[object] = [
            "curl",
            "-sS",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "--cacert",
            service.ca,
        ]
        if with_certificate:
            command += ["--cert", service.own.certificate, "--key", service.own.key]
        for name, value in headers.items():
            command += ["-H", f"{name}: {value}"]
        statuses.append(int(run(*command, "--json", EVENT, service.url)))
    return statuses


def python_httpx(service: Service, requests: list[Headers], with_certificate: bool) -> list[int]:
    context = ssl.create_default_context(cafile=str(service.ca))
    if with_certificate:
        context.load_cert_chain(service.own.certificate, service.own.key)
    with httpx.Client(verify=context) as client:
        typed = {"Content-Type": "application/json"}
        return [client.post(service.url, content=EVENT, headers=typed | h).status_code for h in requests]


def node(service: Service, requests: list[Headers], with_certificate: bool) -> list[int]:
    given: dict[str, object] = {"url": service.url, "ca": str(service.ca), "headers": requests}
    if with_certificate:
        given |= {"certificate": str(service.own.certificate), "key": str(service.own.key)}
    return json.loads(run("node", PROGRAMS / "send.mjs", stdin=json.dumps(given)))


def java(service: Service, requests: list[Headers], with_certificate: bool) -> list[int]:
    store: object = ""
    if with_certificate:
        store = service.folder / "client.p12"
        run(
            "openssl", "pkcs12", "-export", "-in", service.own.certificate, "-inkey", service.own.key,
            "-out", store, "-passout", "pass:changeit",
        )  # fmt: skip
    given = [f"{name}: {value}" for headers in requests for name, value in headers.items()]
    assert len(given) == sum(map(bool, requests))
    words = given or [""]
    return json.loads(run("java", PROGRAMS / "Send.java", service.url, service.ca, store, *words))


@pytest.mark.parametrize("send", [curl, python_httpx, node, java])
def test_each_form_of_credentials_is_accepted(
    send: Send, tmp_path: Path, serve: Callable[..., Ingestor]
) -> None:
    authority = Authority(tmp_path / "ca")
    server = authority.issue("server")
    clients = ClientsFile(tmp_path)
    key = clients.add("orders", certificates='["uri:spiffe://example.org/orders"]')
    ingestor = serve(
        SINK="file",
        AUTH="keys,mtls",
        AUTH_CLIENTS_FILE=clients.path,
        HTTP_TLS_CERTIFICATE_FILE=server.certificate,
        HTTP_TLS_KEY_FILE=server.key,
        HTTP_TLS_CLIENT_CA_FILE=authority.certificate,
        HTTP_TLS_CLIENT_AUTH="optional",
        ADMIN_PORT=0,
    )
    own = authority.issue("orders", "URI:spiffe://example.org/orders")
    service = Service(f"https://localhost:{ingestor.port}/events", authority.certificate, own, tmp_path)
    basic = base64.b64encode(f"orders:{key}".encode()).decode()
    forms = [{"Authorization": f"Bearer {key}"}, {"X-API-Key": key}, {"Authorization": f"Basic {basic}"}]
    assert send(service, [*forms, {"X-API-Key": key[:-1] + "!"}], False) == [202, 202, 202, 401]
    assert send(service, [{}], False) == [401]
    assert send(service, [{}], True) == [202]
