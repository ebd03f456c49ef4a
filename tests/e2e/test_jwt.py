"""Clients with tokens of a real OpenID provider, whose keys change and which can't always be reached."""

import base64
import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from support.certificates import Authority
from support.ingestor import JSON, Ingestor
from support.jwks_server import JwksServer
from support.keycloak import ALGORITHMS, Keycloak, Realm
from support.waiting import wait_until

AUDIENCE = "event-ingestor"
EVENT = b'{"type":"signup"}'
FAILING = "the keys of the issuer can't be read; the last ones stay in force"

# The first run fetches Keycloak.
pytestmark = pytest.mark.timeout(600)

Serve = Callable[..., Ingestor]
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def keycloak() -> Iterator[Keycloak]:
    with Keycloak() as server:
        yield server


@pytest.fixture
def realm(keycloak: Keycloak) -> Realm:
    return keycloak.realm(f"realm-{next(_numbers)}")


@pytest.fixture
def trusting(serve: Serve, realm: Realm) -> Serve:
    """trusting(SETTING=value, ...) starts a service that accepts tokens of the realm."""

    def start(**settings: object) -> Ingestor:
        wanted = {
            "AUTH": "jwt",
            "AUTH_JWT_ISSUER": realm.issuer,
            "AUTH_JWT_AUDIENCE": AUDIENCE,
            "SINK": "file",
        }
        if "AUTH_JWKS_FILE" not in settings:
            wanted["AUTH_JWKS_URL"] = realm.jwks_url
        return serve(**(wanted | settings))

    return start


def status(service: Ingestor, token: str) -> int:
    reply = service.request(
        "POST", "/events", EVENT, {"Content-Type": JSON, "Authorization": f"Bearer {token}"}
    )
    if reply.status == 401:
        assert reply.code == "unauthenticated"
        assert reply.headers["www-authenticate"].startswith("Bearer")
    return reply.status


def becomes(wanted: int, service: Ingestor, token: str, seconds: float = 15) -> None:
    wait_until(lambda: status(service, token) == wanted, seconds, f"the token gets {wanted}")


def with_header(token: str, header: Mapping[str, str]) -> str:
    encoded = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    return f"{encoded}{token[token.index('.') :]}"


def logged(service: Ingestor, message: str) -> None:
    wait_until(lambda: service.log_lines(message), 20, f"the log says {message!r}")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_tokens_of_each_algorithm_are_accepted(realm: Realm, trusting: Serve, algorithm: str) -> None:
    service = trusting()
    realm.add_client("orders", algorithm, AUDIENCE)
    # Keycloak may make the key only now, after the service has fetched the keys.
    becomes(202, service, realm.token("orders"))
    for _ in range(3):
        assert status(service, realm.token("orders")) == 202


def test_only_tokens_for_this_service_are_accepted(realm: Realm, keycloak: Keycloak, trusting: Serve) -> None:
    realm.add_client("orders", "RS256", AUDIENCE)
    realm.add_client("others", "RS256", "another-service")
    service = trusting()
    good = realm.token("orders")
    assert status(service, good) == 202
    assert status(service, realm.token("others")) == 401
    foreign = keycloak.realm(f"realm-{next(_numbers)}")
    foreign.add_client("orders", "RS256", AUDIENCE)
    assert status(service, foreign.token("orders")) == 401
    header, payload, signature = good.split(".")
    _, other_payload, _ = realm.token("others").split(".")
    for forged in (
        f"{header}.{payload}.",
        f"{header}.{other_payload}.{signature}",
        good[:-8] + "AAAAAAAA",
        good + "A",
    ):
        assert status(service, forged) == 401
    assert service.post(EVENT).status == 401
    subject = json.loads(base64.urlsafe_b64decode(payload + "=="))["sub"]
    assert service.metric("client_events_accepted_total", client=subject) == 1


def test_a_token_that_is_remembered_is_refused_once_it_has_expired(realm: Realm, trusting: Serve) -> None:
    realm.add_client("orders", "ES256", AUDIENCE, seconds=3)
    realm.token("orders")  # so that there is a key
    service = trusting(AUTH_JWT_LEEWAY="0s")
    token = realm.token("orders")
    assert status(service, token) == 202
    assert status(service, token) == 202
    becomes(401, service, token)


def test_a_new_key_is_fetched_and_a_removed_one_is_refused(
    realm: Realm, trusting: Serve, tmp_path: Path
) -> None:
    realm.add_client("orders", "ES256", AUDIENCE)
    first = realm.add_key("ES256")
    service = trusting()
    old = realm.token("orders")
    assert status(service, old) == 202
    realm.add_key("ES256")
    becomes(202, service, realm.token("orders"))
    assert status(service, old) == 202, "its key is still published"
    realm.remove_key(first)
    # An unknown key leads to a fetch, which shows that the old one is gone.
    realm.add_key("ES256")
    becomes(202, service, realm.token("orders"))
    assert status(service, old) == 401


def test_an_outage_keeps_the_last_keys(realm: Realm, keycloak: Keycloak, trusting: Serve) -> None:
    realm.add_client("orders", "RS256", AUDIENCE)
    token = realm.token("orders")
    service = trusting()
    assert status(service, token) == 202
    unknown = with_header(token, {"alg": "RS256", "kid": "unknown"})
    keycloak.pause()
    try:
        assert status(service, unknown) == 401
        logged(service, FAILING)
        assert status(service, token) == 202
        assert service.get("/readyz").status == 200
    finally:
        keycloak.resume()
    logged(service, "the keys of the issuer can be read again")


def test_a_start_without_the_issuer_accepts_tokens_once_it_is_there(
    realm: Realm, keycloak: Keycloak, trusting: Serve
) -> None:
    realm.add_client("orders", "RS256", AUDIENCE)
    token = realm.token("orders")
    keycloak.pause()
    try:
        service = trusting()
        assert service.get("/readyz").status == 200
        assert status(service, token) == 401
    finally:
        keycloak.resume()
    becomes(202, service, token, 30)


def test_a_stop_does_not_wait_for_the_issuer(keycloak: Keycloak, trusting: Serve) -> None:
    keycloak.pause()
    try:
        service = trusting()
        started = time.monotonic()
        service.close()
        assert time.monotonic() - started < 4, "a fetch may take five seconds"
    finally:
        keycloak.resume()


def test_keys_are_fetched_from_a_server_with_a_trusted_certificate_only(
    realm: Realm, trusting: Serve, tmp_path: Path
) -> None:
    realm.add_client("orders", "RS256", AUDIENCE)
    token = realm.token("orders")
    trusted, other = Authority(tmp_path / "trusted"), Authority(tmp_path / "other")
    with JwksServer(trusted.issue("localhost"), realm.jwks()) as server:
        service = trusting(AUTH_JWKS_URL=server.url, AUTH_JWKS_CA_FILE=trusted.certificate)
        assert status(service, token) == 202
        assert server.fetches == 1
        service = trusting(AUTH_JWKS_URL=server.url, AUTH_JWKS_CA_FILE=other.certificate)
        assert status(service, token) == 401
        logged(service, FAILING)
        assert server.fetches == 1


def test_a_flood_of_unknown_keys_leads_to_few_fetches(realm: Realm, trusting: Serve, tmp_path: Path) -> None:
    realm.add_client("orders", "RS256", AUDIENCE)
    token = realm.token("orders")
    authority = Authority(tmp_path / "authority")
    with JwksServer(authority.issue("localhost"), realm.jwks()) as server:
        service = trusting(AUTH_JWKS_URL=server.url, AUTH_JWKS_CA_FILE=authority.certificate)
        started = time.monotonic()
        for number in range(500):
            header = {"alg": "RS256", "kid": f"unknown-{number}"}
            assert status(service, with_header(token, header)) == 401
        seconds = time.monotonic() - started
        assert server.fetches <= 2 + seconds / 10
        assert status(service, token) == 202
        server.keys, server.status = b"<html>maintenance</html>", 503
        wait_until(lambda: status(service, with_header(token, header)) and server.fetches > 2, 20, "a fetch")
        logged(service, FAILING)
        assert status(service, token) == 202


def test_a_file_of_keys_is_taken_over_when_it_changes(realm: Realm, trusting: Serve, tmp_path: Path) -> None:
    realm.add_client("orders", "PS256", AUDIENCE)
    realm.add_client("payments", "EdDSA", AUDIENCE)
    keys = tmp_path / "jwks.json"
    realm.token("orders")
    keys.write_bytes(realm.jwks())
    service = trusting(AUTH_JWKS_FILE=keys)
    assert status(service, realm.token("orders")) == 202
    token = realm.token("payments")
    assert status(service, token) == 401
    new = tmp_path / "new"
    new.write_bytes(realm.jwks())
    new.rename(keys)
    becomes(202, service, token)
    keys.write_text("{")
    logged(service, FAILING)
    assert status(service, realm.token("payments")) == 202
    keys.write_text('{"keys":[]}')
    becomes(401, service, realm.token("payments"))
