"""Text that is hardly compressible. With compression on, the service can't know whether a topic accepts an
event: it accepts the event, and the broker may reject it."""

import base64
import random

COMPRESSED = {"KAFKA_COMPRESSION": "lz4"}


def noise(size: int) -> str:
    return base64.b64encode(random.Random(size).randbytes(size)).decode()[:size]
