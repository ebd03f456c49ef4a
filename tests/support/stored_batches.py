"""Reads record batches on the broker's disk, with data that no consumer sees."""

import struct
from collections.abc import Iterator
from pathlib import Path

_COMPRESSIONS = ("none", "gzip", "snappy", "lz4", "zstd")
_COMPRESSION_BITS = 7


def stored_compressions(data: Path, topic: str) -> set[str]:
    """The compressions of all batches of all partitions of the topic in the broker's data folder."""
    segments = data.glob(f"{topic}-[0-9]*/*.log")
    return {_COMPRESSIONS[bits] for file in segments for bits in _compressions(file.read_bytes())}


def _compressions(segment: bytes) -> Iterator[int]:
    at = 0
    while at < len(segment):
        # Format 2: base offset, length, leader epoch, magic 2, checksum, attributes.
        _, length, _, version, _, attributes = struct.unpack_from(">qiibIh", segment, at)
        assert version == 2
        yield attributes & _COMPRESSION_BITS
        at += struct.calcsize(">qi") + length
