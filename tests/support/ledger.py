"""Compares the replies to clients with the records in the topic."""

import json
from collections import defaultdict
from collections.abc import Iterable

from support.load import LoadResult
from support.topic_reader import Record, read_topic


class Ledger:
    """Kept outside the service, so that it survives the service's crashes."""

    def __init__(self) -> None:
        self.accepted: set[str] = set()  # ids with a reply that they were accepted
        self.unanswered: set[str] = set()  # the connection broke: they may arrive or not

    def add(self, result: LoadResult) -> None:
        self.accepted |= set(result.accepted)
        self.unanswered |= set(result.unanswered)

    def check(self, bootstrap: str, topic: str) -> int:
        """Checks that every accepted event is in the topic, and no event that was rejected or never sent;
        first arrivals of one `payload.user` must be in the order of `payload.n`. Returns the number of
        repeated records."""
        records = read_topic(bootstrap, topic)
        ids = [json.loads(record.value)["id"] for record in records]
        found = set(ids)
        missing = sorted(self.accepted - found)
        assert not missing, (
            f"{len(missing)} of {len(self.accepted)} accepted events are missing, as {missing[:3]}"
        )
        strange = sorted(found - self.accepted - self.unanswered)
        assert not strange, f"{len(strange)} unexpected events, as {strange[:3]}"
        assert_in_order(records)
        return len(ids) - len(found)


def assert_in_order(records: Iterable[Record]) -> None:
    """The first arrivals of each `payload.user`, which is the key, must rise in `payload.n` and be in one
    partition."""
    newest: dict[str, int] = {}
    partitions: dict[str, set[int]] = defaultdict(set)
    seen = set()
    for record in records:
        event = json.loads(record.value)
        if event["id"] in seen:
            continue
        seen.add(event["id"])
        user, n = event["payload"]["user"], event["payload"]["n"]
        assert record.key == user.encode()
        assert newest.get(user, -1) < n, f"{user}: {n} came after {newest[user]}"
        newest[user] = n
        partitions[user].add(record.partition)
    assert all(len(used) == 1 for used in partitions.values()), "a key in two partitions"
