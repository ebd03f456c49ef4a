"""Text that compression hardly shortens. With compression on, the service can't tell whether a topic takes an
event: it accepts it, and the broker may refuse it.
"""

import base64
import random

COMPRESSED = {"KAFKA_COMPRESSION": "lz4"}


def noise(size: int) -> str:
    return base64.b64encode(random.Random(size).randbytes(size)).decode()[:size]
