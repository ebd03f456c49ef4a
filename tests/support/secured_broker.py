"""A broker with one listener for each authentication method, all with the same certificate."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from support.broker_process import QUICK_START
from support.certificates import Authority
from support.kafka_broker import KafkaBroker
from support.load import LoadResult
from support.topic_reader import read_topic

USER = "ingestor"
PASSWORD = "old secret with: $igns"
SESSION_MS = 3000
PLAIN_PASSWORD = "plain-secret"

_SECURITY = "org.apache.kafka.common.security"


class SecuredBroker(KafkaBroker):
    """In addition to the plain listener: SCRAM, PLAIN and OAUTH over TLS, MTLS with client certificates.

    SCRAM ends each connection after SESSION_MS, so that its client logs in again. OAUTH accepts JWTs without
    a signature, and ends a connection when its token expires.
    """

    def __init__(self, version: str = "") -> None:
        self._certificates = tempfile.TemporaryDirectory(prefix="kafka-tls-")
        folder = Path(self._certificates.name)
        self.authority = Authority(folder / "authority")
        own = self.authority.issue("broker")
        store = folder / "broker-store.pem"
        store.write_text(own.key.read_text() + own.certificate.read_text())
        super().__init__(
            settings=_settings(store, self.authority.certificate),
            version=version,
            options=QUICK_START,
            listeners=("SCRAM", "PLAIN", "OAUTH", "MTLS"),
            scram=[f'SCRAM-SHA-{bits}=[name={USER},password="{PASSWORD}"]' for bits in (256, 512)],
        )

    def close(self) -> None:
        super().close()
        self._certificates.cleanup()

    def client_settings(self, listener: str, topic: str) -> dict[str, object]:
        """Settings of a service that uses this listener, without its credentials."""
        return {
            "SINK": "kafka",
            "KAFKA_BROKERS": self.address_of(listener),
            "KAFKA_TOPIC": topic,
            "KAFKA_DLQ_TOPIC": f"{topic}-dlq",
            "KAFKA_SECURITY_PROTOCOL": "SSL" if listener == "MTLS" else "SASL_SSL",
            "KAFKA_SSL_CA_FILE": self.authority.certificate,
        }

    def set_scram_password(self, password: str) -> None:
        """For SCRAM-SHA-512; open connections stay open until the end of their session."""
        change = UserScramCredentialUpsertion(
            USER, ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096), password.encode()
        )
        for done in self.admin.alter_user_scram_credentials([change], request_timeout=20).values():
            done.result()

    @contextmanager
    def write_denied(self, topic: str) -> Iterator[None]:
        """Inside the block the user may not write to the topic."""
        rule = (ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, f"User:{USER}", "*")
        denial = AclBinding(*rule, AclOperation.WRITE, AclPermissionType.DENY)
        for done in self.admin.create_acls([denial], request_timeout=20).values():
            done.result()
        try:
            yield
        finally:
            same = AclBindingFilter(*rule, AclOperation.WRITE, AclPermissionType.DENY)
            for done in self.admin.delete_acls([same], request_timeout=20).values():
                done.result()


def by_password(file: Path, mechanism: str = "SCRAM-SHA-512") -> dict[str, object]:
    return {
        "KAFKA_SASL_MECHANISM": mechanism,
        "KAFKA_SASL_USERNAME": USER,
        "KAFKA_SASL_PASSWORD_FILE": file,
    }


def replace(file: Path, text: str) -> None:
    """Replaces the file atomically, as Kubernetes does."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.replace(file)


def assert_delivered_once(secured: SecuredBroker, topic: str, load: LoadResult) -> None:
    ids = [json.loads(record.value)["id"] for record in read_topic(secured.address, topic)]
    assert set(ids) == set(load.accepted)
    assert len(ids) == len(set(ids)), f"{len(ids) - len(set(ids))} events are in the topic twice"


def _settings(store: Path, trusted: Path) -> dict[str, str]:
    secured = {"SCRAM": "SASL_SSL", "PLAIN": "SASL_SSL", "OAUTH": "SASL_SSL", "MTLS": "SSL"}
    protocols = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT"} | secured
    scram = f"{_SECURITY}.scram.ScramLoginModule required;"
    return {
        "listener.security.protocol.map": ",".join(f"{name}:{how}" for name, how in protocols.items()),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(store),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(trusted),
        "listener.name.scram.sasl.enabled.mechanisms": "SCRAM-SHA-256,SCRAM-SHA-512",
        "listener.name.scram.scram-sha-256.sasl.jaas.config": scram,
        "listener.name.scram.scram-sha-512.sasl.jaas.config": scram,
        # Short, so that under load a client has to log in again or the broker ends its connection.
        "listener.name.scram.scram-sha-512.connections.max.reauth.ms": str(SESSION_MS),
        "listener.name.plain.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.plain.plain.sasl.jaas.config": f"{_SECURITY}.plain.PlainLoginModule required"
        f' user_{USER}="{PLAIN_PASSWORD}";',
        "listener.name.oauth.sasl.enabled.mechanisms": "OAUTHBEARER",
        "listener.name.oauth.oauthbearer.sasl.jaas.config": f"{_SECURITY}.oauthbearer.OAuthBearerLoginModule"
        ' required unsecuredLoginStringClaim_sub="broker";',
        # No longer than the token is valid.
        "listener.name.oauth.oauthbearer.connections.max.reauth.ms": "3600000",
        "listener.name.mtls.ssl.client.auth": "required",
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "allow.everyone.if.no.acl.found": "true",
    }
