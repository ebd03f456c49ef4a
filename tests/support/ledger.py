"""What clients were told, beside what stands in the topic."""

import json
from collections import defaultdict
from collections.abc import Iterable

from support.load import LoadResult
from support.topic_reader import Record, read_topic


class Ledger:
    """Kept outside the service, so that it survives the service's crashes."""

    def __init__(self) -> None:
        self.accepted: set[str] = set()  # ids whose reply said so
        self.unanswered: set[str] = set()  # their connection broke: they may arrive or not

    def add(self, result: LoadResult) -> None:
        self.accepted |= set(result.accepted)
        self.unanswered |= set(result.unanswered)

    def check(self, bootstrap: str, topic: str) -> int:
        """Everything accepted stands in the topic, and nothing that was refused or never sent; events of one
        `payload.user` first arrived in the order of their `payload.n`. Returns how many records are repeats.
        """
        records = read_topic(bootstrap, topic)
        ids = [json.loads(record.value)["id"] for record in records]
        found = set(ids)
        missing = sorted(self.accepted - found)
        assert not missing, (
            f"{len(missing)} of {len(self.accepted)} accepted events are missing, as {missing[:3]}"
        )
        strange = sorted(found - self.accepted - self.unanswered)
        assert not strange, f"{len(strange)} events that nobody was told about, as {strange[:3]}"
        assert_in_order(records)
        return len(ids) - len(found)


def assert_in_order(records: Iterable[Record]) -> None:
    """The first arrivals of each `payload.user`, which is the key, rise in `payload.n`, within one partition."""
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
