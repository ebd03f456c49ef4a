"""What a topic's record batches are on the broker's disk, which no consumer is told."""

import struct
from collections.abc import Iterator
from pathlib import Path

_COMPRESSIONS = ("none", "gzip", "snappy", "lz4", "zstd")
_COMPRESSION_BITS = 7


def stored_compressions(data: Path, topic: str) -> set[str]:
    """Of all batches of all partitions under the broker's data folder."""
    segments = data.glob(f"{topic}-[0-9]*/*.log")
    return {_COMPRESSIONS[bits] for file in segments for bits in _compressions(file.read_bytes())}


def _compressions(segment: bytes) -> Iterator[int]:
    at = 0
    while at < len(segment):
        # Format 2: the first offset, the length behind it, the leader's epoch, 2, a checksum, attributes.
        _, length, _, version, _, attributes = struct.unpack_from(">qiibIh", segment, at)
        assert version == 2
        yield attributes & _COMPRESSION_BITS
        at += struct.calcsize(">qi") + length
