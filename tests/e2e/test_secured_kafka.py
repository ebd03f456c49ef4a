"""Brokers with authentication: TLS, passwords, certificates and tokens."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.certificates import Authority
from support.ingestor import Ingestor, run_to_exit
from support.load import LoadClient, ndjson_events, single_events
from support.secured_broker import (
    PASSWORD,
    PLAIN_PASSWORD,
    USER,
    SecuredBroker,
    assert_delivered_once,
    by_password,
    replace,
)
from support.token_server import CLIENT_ID, CLIENT_SECRET, TokenServer, unsigned_jwt
from support.topic_reader import read_topic
from support.waiting import wait_until

Serve = Callable[..., Ingestor]

REFUSED = "the credentials are rejected (kafka.security); events wait, retrying"
# Topics are small, so that a long test doesn't have to read a long topic at its end.
SLOW = {"RATE_LIMIT_RPS": 500, "RATE_LIMIT_BURST": 500}
ACCEPTED = "the credentials are accepted"


@pytest.fixture(scope="module")
def secured(kafka_version: str) -> Iterator[SecuredBroker]:
    broker = SecuredBroker(kafka_version)
    try:
        yield broker.start()
    finally:
        broker.close()


@pytest.fixture
def topic(secured: SecuredBroker, request: pytest.FixtureRequest) -> str:
    return secured.create_topic(request.node.name.translate(str.maketrans("[]", "__")))


@pytest.fixture
def login_to(serve: Serve, secured: SecuredBroker, topic: str) -> Serve:
    """login_to("LISTENER", SETTING=value, ...)"""

    def start_at(listener: str, **settings: object) -> Ingestor:
        return serve(**(secured.client_settings(listener, topic) | settings))

    return start_at


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    return file


def deliver_some(ingestor: Ingestor, secured: SecuredBroker, topic: str) -> None:
    with LoadClient(ingestor.port, ndjson_events("s", 10), connections=2) as load:
        load.wait_accepted(500)
        result = load.stop()
    ingestor.wait_drained(30)
    assert_delivered_once(secured, topic, result)


def ready(ingestor: Ingestor) -> bool:
    return ingestor.get("/readyz").status == 200


# --- each authentication method


@pytest.mark.parametrize(
    "mechanism", ["SCRAM-SHA-256", pytest.param("SCRAM-SHA-512", marks=pytest.mark.versions)]
)
def test_scram_over_tls_delivers(
    login_to: Serve, secured: SecuredBroker, topic: str, password_file: Path, mechanism: str
) -> None:
    deliver_some(login_to("SCRAM", **by_password(password_file, mechanism)), secured, topic)


@pytest.mark.versions
def test_plain_over_tls_delivers_with_the_password_in_the_environment(
    login_to: Serve, secured: SecuredBroker, topic: str
) -> None:
    ingestor = login_to(
        "PLAIN",
        KAFKA_SASL_MECHANISM="PLAIN",
        KAFKA_SASL_USERNAME=USER,
        KAFKA_SASL_PASSWORD=PLAIN_PASSWORD,
        LOG_LEVEL="DEBUG",
    )
    deliver_some(ingestor, secured, topic)
    assert PLAIN_PASSWORD not in json.dumps(ingestor.logs) + ingestor.stderr


def test_a_client_certificate_with_an_encrypted_key_delivers(
    login_to: Serve, secured: SecuredBroker, topic: str, tmp_path: Path
) -> None:
    own = secured.authority.issue("locked-client", key_password="key-secret")
    password = tmp_path / "key-password"
    password.write_text("key-secret\n")
    ingestor = login_to(
        "MTLS",
        KAFKA_SSL_CERTIFICATE_FILE=own.certificate,
        KAFKA_SSL_KEY_FILE=own.key,
        KAFKA_SSL_KEY_PASSWORD_FILE=password,
    )
    deliver_some(ingestor, secured, topic)


# --- wrong credentials


def test_a_wrong_password_is_logged_once_and_corrected_without_a_restart(
    login_to: Serve, secured: SecuredBroker, topic: str, password_file: Path
) -> None:
    replace(password_file, "a wrong one")
    ingestor = login_to("SCRAM", **by_password(password_file))
    event = {"id": "early", "type": "t"}
    assert ingestor.post(event).status == 202, "the event is accepted and waits"
    wait_until(lambda: ingestor.log_lines(REFUSED), 30, "the rejection is logged")
    reply = ingestor.get("/readyz")
    assert reply.status == 503
    assert "kafka.security" in reply.json()["detail"], reply.body
    assert ingestor.metric("sink_refused") == 1
    wait_until(
        lambda: ingestor.metric("sink_faults_total", code="authentication_failed") >= 2,
        60,
        "the log-in is retried",
    )
    assert len(ingestor.log_lines(REFUSED)) == 1
    told = [line for line in ingestor.logs if line["level"] in ("WARN", "ERROR")]
    assert len(told) <= 3, told
    assert "a wrong one" not in json.dumps(ingestor.logs) + ingestor.stderr

    replace(password_file, PASSWORD)
    wait_until(lambda: ready(ingestor), 20, "the repaired file is used")
    ingestor.wait_drained(20)
    assert [json.loads(r.value)["id"] for r in read_topic(secured.address, topic)] == ["early"]
    wait_until(lambda: ingestor.log_lines(ACCEPTED), 10, "the success is logged")
    assert len(ingestor.log_lines(ACCEPTED)) == 1
    assert ingestor.metric("sink_refused") == 0


def test_it_is_not_ready_before_the_brokers_have_checked_the_credentials(
    login_to: Serve, password_file: Path
) -> None:
    replace(password_file, "a wrong one")
    ingestor = login_to("SCRAM", **by_password(password_file))
    seen = {ingestor.get("/readyz").status}
    while not ingestor.log_lines(REFUSED):
        seen.add(ingestor.get("/readyz").status)
    # Not even for a moment, otherwise a rolling update would continue.
    assert seen == {503}, ingestor.output()


def test_a_client_certificate_of_another_authority_is_refused(
    login_to: Serve, secured: SecuredBroker, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path / "others", "another CA").issue("stranger")
    ingestor = login_to(
        "MTLS", KAFKA_SSL_CERTIFICATE_FILE=stranger.certificate, KAFKA_SSL_KEY_FILE=stranger.key
    )
    wait_until(lambda: ingestor.log_lines(REFUSED), 30, "the rejection is logged")
    assert not ready(ingestor)
    assert ingestor.metric("sink_faults_total", code="tls_failed") >= 1


def test_brokers_of_another_authority_are_not_talked_to(
    login_to: Serve, tmp_path: Path, password_file: Path
) -> None:
    other = Authority(tmp_path / "others", "another CA")
    ingestor = login_to("SCRAM", **by_password(password_file), KAFKA_SSL_CA_FILE=other.certificate)
    wait_until(lambda: ingestor.log_lines(REFUSED, code="tls_failed"), 30, "the rejection is logged")
    assert not ready(ingestor)


def test_a_topic_that_may_not_be_written_to_keeps_its_events(
    login_to: Serve, secured: SecuredBroker, topic: str, password_file: Path
) -> None:
    with secured.write_denied(topic):
        ingestor = login_to("SCRAM", **by_password(password_file))
        wait_until(lambda: ready(ingestor), 30, "the credentials are good")
        assert ingestor.post({"id": "denied", "type": "t"}).status == 202
        wait_until(
            lambda: ingestor.metric("sink_faults_total", code="not_authorized") >= 1, 20, "the denial is seen"
        )
        assert ready(ingestor), "it must stay ready, else all replicas would become unready at once"
        assert ingestor.metric("events_dead_lettered_total") == 0
    ingestor.wait_drained(40)
    assert [json.loads(r.value)["id"] for r in read_topic(secured.address, topic)] == ["denied"]


@pytest.mark.parametrize("content", [None, ""], ids=["missing", "empty"])
def test_a_start_without_its_secret_names_the_file(
    secured: SecuredBroker, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_text(content)
    settings = by_password(file) | {
        "KAFKA_BROKERS": secured.address_of("SCRAM"),
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "ACK": "memory",
        "HTTP_PORT": 0,
    }
    done = run_to_exit(settings=settings)
    assert done.status == 2
    assert "kafka.security.password_file" in done.said
    assert str(file) in done.said


# --- rotation


def logins(ingestor: Ingestor, secured: SecuredBroker, listener: str) -> float:
    return ingestor.metric("broker_logins_total", broker=secured.address_of(listener))


@pytest.mark.versions
def test_a_password_changed_under_load_loses_and_repeats_nothing(
    login_to: Serve, secured: SecuredBroker, topic: str, password_file: Path
) -> None:
    ingestor = login_to("SCRAM", **by_password(password_file), **SLOW)
    wait_until(lambda: ready(ingestor), 10, "the first password is accepted")
    with LoadClient(ingestor.port, single_events("p"), connections=2, pause_on_refusal=0.05) as load:
        load.wait_accepted(200)
        secured.set_scram_password("the new secret")
        try:
            replace(password_file, "")
            wait_until(
                lambda: ingestor.log_lines("the new password can't be used; keeping the old one"),
                10,
                "it is logged",
            )
            wait_until(lambda: ingestor.log_lines(REFUSED), 20, "the old one no longer logs in")
            assert ready(ingestor), "it must stay ready, else all replicas would become unready at once"
            replace(password_file, "the new secret")
            wait_until(lambda: ingestor.log_lines(ACCEPTED), 20, "the new one logs in")
            before = logins(ingestor, secured, "SCRAM")
            wait_until(
                lambda: logins(ingestor, secured, "SCRAM") >= before + 1, 20, "it has to log in once more"
            )
            load.wait_accepted(len(load.result.accepted) + 200)
            result = load.stop()
            ingestor.wait_drained(30)
        finally:
            secured.set_scram_password(PASSWORD)
    assert_delivered_once(secured, topic, result)
    assert ingestor.metric("sink_refused") == 0
    assert ingestor.metric("sink_repeats_total", kind="possible") == 0


def test_a_client_certificate_changed_under_load_loses_and_repeats_nothing(
    login_to: Serve, secured: SecuredBroker, topic: str, tmp_path: Path
) -> None:
    first, second = secured.authority.issue("first"), secured.authority.issue("second")
    certificate, key = tmp_path / "client.pem", tmp_path / "client.key"
    replace(certificate, first.certificate.read_text())
    replace(key, first.key.read_text())
    ingestor = login_to("MTLS", KAFKA_SSL_CERTIFICATE_FILE=certificate, KAFKA_SSL_KEY_FILE=key, **SLOW)
    with LoadClient(ingestor.port, single_events("c"), connections=2, pause_on_refusal=0.05) as load:
        load.wait_accepted(200)
        replace(certificate, second.certificate.read_text())
        wait_until(
            lambda: ingestor.log_lines("the new certificates can't be used; keeping the old ones"),
            15,
            "a certificate without its key is left alone",
        )
        load.wait_accepted(len(load.result.accepted) + 200)
        replace(key, second.key.read_text())
        wait_until(
            lambda: ingestor.log_lines("the next connections to the brokers use the new certificates"),
            15,
            "both are used",
        )
        load.wait_accepted(len(load.result.accepted) + 200)
        result = load.stop()
    ingestor.wait_drained(30)
    assert_delivered_once(secured, topic, result)
    assert ingestor.metric("events_dead_lettered_total") == 0


def test_a_refused_certificate_is_mended_without_a_restart(
    login_to: Serve, secured: SecuredBroker, topic: str, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path / "others", "another CA").issue("stranger")
    good = secured.authority.issue("good")
    certificate, key = tmp_path / "client.pem", tmp_path / "client.key"
    replace(certificate, stranger.certificate.read_text())
    replace(key, stranger.key.read_text())
    ingestor = login_to("MTLS", KAFKA_SSL_CERTIFICATE_FILE=certificate, KAFKA_SSL_KEY_FILE=key)
    assert ingestor.post({"id": "early", "type": "t"}).status == 202
    wait_until(lambda: ingestor.log_lines(REFUSED), 30, "the rejection is logged")
    replace(key, good.key.read_text())
    replace(certificate, good.certificate.read_text())
    wait_until(lambda: ready(ingestor), 20, "the next connection is accepted")
    ingestor.wait_drained(30)
    assert [json.loads(r.value)["id"] for r in read_topic(secured.address, topic)] == ["early"]


# --- tokens


@pytest.fixture(scope="module")
def token_server(secured: SecuredBroker) -> Iterator[TokenServer]:
    with TokenServer(secured.authority.issue("login"), token_seconds=5) as server:
        yield server


def by_oidc(secured: SecuredBroker, server: TokenServer, secret: Path) -> dict[str, object]:
    return {
        "KAFKA_SASL_MECHANISM": "OAUTHBEARER",
        "KAFKA_OAUTH_SOURCE": "oidc",
        "KAFKA_OAUTH_TOKEN_URL": server.url,
        "KAFKA_OAUTH_CA_FILE": secured.authority.certificate,
        "KAFKA_OAUTH_CLIENT_ID": CLIENT_ID,
        "KAFKA_OAUTH_CLIENT_SECRET_FILE": secret,
        "KAFKA_OAUTH_SCOPE": "kafka",
    }


@pytest.mark.versions
def test_tokens_that_expire_under_load_lose_and_repeat_nothing(
    login_to: Serve, secured: SecuredBroker, topic: str, token_server: TokenServer, tmp_path: Path
) -> None:
    secret = tmp_path / "client-secret"
    secret.write_text(CLIENT_SECRET)
    ingestor = login_to("OAUTH", **by_oidc(secured, token_server, secret), **SLOW)
    wait_until(lambda: ready(ingestor), 30, "the token is accepted")
    with LoadClient(ingestor.port, single_events("o"), connections=2, pause_on_refusal=0.05) as load:
        load.wait_accepted(100)
        given, before = token_server.given, logins(ingestor, secured, "OAUTH")
        wait_until(lambda: token_server.given >= given + 2, 20, "two more tokens")
        wait_until(lambda: logins(ingestor, secured, "OAUTH") >= before + 1, 20, "a new token logged in")
        load.wait_accepted(len(load.result.accepted) + 100)
        result = load.stop()
    ingestor.wait_drained(30)
    assert_delivered_once(secured, topic, result)
    assert token_server.scopes == {"kafka"}
    assert not ingestor.log_lines(REFUSED)


def test_tokens_that_ran_out_are_no_wrong_credentials(
    login_to: Serve, secured: SecuredBroker, topic: str, token_server: TokenServer, tmp_path: Path
) -> None:
    secret = tmp_path / "client-secret"
    secret.write_text(CLIENT_SECRET)
    ingestor = login_to("OAUTH", **by_oidc(secured, token_server, secret))
    wait_until(lambda: ready(ingestor), 30, "the token is accepted")
    token_server.unavailable = True
    try:
        wait_until(
            lambda: any(
                line["where"] == secured.address_of("OAUTH")
                for line in ingestor.log_lines(code="token_unavailable")
            ),
            30,
            "the broker rejects the expired token",
        )
        assert ingestor.post({"id": "waits", "type": "t"}).status == 202
    finally:
        token_server.unavailable = False
    ingestor.wait_drained(40)
    assert [json.loads(r.value)["id"] for r in read_topic(secured.address, topic)] == ["waits"]
    assert not ingestor.log_lines(REFUSED)


def test_a_wrong_client_secret_is_logged_once_and_corrected_without_a_restart(
    login_to: Serve, secured: SecuredBroker, token_server: TokenServer, tmp_path: Path
) -> None:
    secret = tmp_path / "client-secret"
    secret.write_text("a wrong one")
    ingestor = login_to("OAUTH", **by_oidc(secured, token_server, secret))
    wait_until(lambda: ingestor.log_lines(REFUSED, code="token_refused"), 30, "the rejection is logged")
    assert ingestor.get("/readyz").status == 503
    wait_until(
        lambda: ingestor.metric("sink_faults_total", code="token_refused") >= 3, 20, "the request is retried"
    )
    assert len(ingestor.log_lines(REFUSED)) == 1
    replace(secret, CLIENT_SECRET)
    wait_until(lambda: ready(ingestor), 20, "the repaired file is used")
    assert "a wrong one" not in json.dumps(ingestor.logs) + ingestor.stderr


def test_a_token_from_a_file_is_replaced_before_it_expires(
    login_to: Serve, secured: SecuredBroker, topic: str, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(unsigned_jwt(8))
    ingestor = login_to(
        "OAUTH",
        KAFKA_SASL_MECHANISM="OAUTHBEARER",
        KAFKA_OAUTH_SOURCE="file",
        KAFKA_OAUTH_TOKEN_FILE=file,
        **SLOW,
    )
    with LoadClient(ingestor.port, single_events("f"), connections=2, pause_on_refusal=0.05) as load:
        load.wait_accepted(100)
        wait_until(lambda: ready(ingestor), 30, "the token is accepted")
        replace(file, unsigned_jwt(60))
        before = logins(ingestor, secured, "OAUTH")
        wait_until(lambda: logins(ingestor, secured, "OAUTH") >= before + 1, 20, "the new token logged in")
        load.wait_accepted(len(load.result.accepted) + 100)
        result = load.stop()
    ingestor.wait_drained(30)
    assert_delivered_once(secured, topic, result)
    assert not ingestor.log_lines(REFUSED)
