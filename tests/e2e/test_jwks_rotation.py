"""The file with the issuer's keys is replaced while clients send."""

import os
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from support.http_client import RawConnection
from support.ingestor import EVENTS, JSON, Ingestor
from support.token_signer import AUDIENCE, ISSUER, TokenSigner, key_set
from support.waiting import wait_until

ROTATIONS = int(os.environ.get("EI_ROTATIONS", "20"))
EVENT = b'{"type":"order.paid"}'


def test_keys_in_a_file_rotate_under_load(tmp_path: Path, serve: Callable[..., Ingestor]) -> None:
    path = tmp_path / "jwks.json"
    previous = signer = TokenSigner(tmp_path, "key-0")
    path.write_text(key_set(signer))
    ingestor = serve(
        SINK="file", AUTH="jwt", AUTH_JWKS_FILE=path, AUTH_JWT_ISSUER=ISSUER, AUTH_JWT_AUDIENCE=AUDIENCE
    )
    token = signer.token("orders")
    stop = threading.Event()
    statuses: Counter[int] = Counter()

    def status(connection: RawConnection, text: str) -> int:
        headers = {"Content-Type": JSON, "Authorization": f"Bearer {text}"}
        return connection.request("POST", EVENTS, EVENT, headers).status

    def send() -> None:
        counted: Counter[int] = Counter()
        with ingestor.connect() as connection:
            while not stop.is_set():
                counted[status(connection, token)] += 1
        statuses.update(counted)

    senders = [threading.Thread(target=send) for _ in range(2)]
    for sender in senders:
        sender.start()
    try:
        with ingestor.connect() as connection:
            for n in range(1, ROTATIONS + 1):
                fresh = TokenSigner(tmp_path, f"key-{n}")
                fresh_token = fresh.token("orders")
                old_token = previous.token("orders")
                keys = key_set(signer, fresh)
                assert status(connection, fresh_token) == 401
                if n % 2:
                    (tmp_path / "new").write_text(keys)
                    (tmp_path / "new").rename(path)
                else:
                    path.write_text(keys)
                wait_until(lambda token=fresh_token: status(connection, token) == 202, 5, "the new key works")
                if previous is not signer:
                    assert status(connection, old_token) == 401, "its key is gone"
                previous, signer, token = signer, fresh, fresh_token
    finally:
        stop.set()
        for sender in senders:
            sender.join()
    assert set(statuses) == {202}
    metrics = ingestor.wait_drained()
    accepted = metrics.value("event_ingestor_events_accepted_total")
    assert accepted == metrics.value("event_ingestor_events_delivered_total") == statuses[202] + ROTATIONS
