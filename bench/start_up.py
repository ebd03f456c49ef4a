"""The time from the start of a process until /readyz answers 200."""

import http.client
import json
import os
import subprocess
import tempfile
import threading
import time

from processes import BenchFault, check
from support.ingestor import binary

_SECONDS_MAX = 30
_POLL_SECONDS = 0.0005


def start_to_ready_seconds(settings: dict[str, object]) -> float:
    """From before the fork to the first 200. The process is killed then: it holds no events."""
    environment = {"PATH": os.environ["PATH"], "HTTP_PORT": "0"} | {k: str(v) for k, v in settings.items()}
    with tempfile.TemporaryDirectory(prefix="ingestor-") as directory:
        began = time.monotonic()
        process = subprocess.Popen(
            [binary()],
            env=environment,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        watchdog = threading.Timer(_SECONDS_MAX, process.kill)
        watchdog.start()
        try:
            port = _logged_port(process)
            while not _is_ready(port):
                check(time.monotonic() - began < _SECONDS_MAX, "the ingestor did not get ready")
                time.sleep(_POLL_SECONDS)
            return time.monotonic() - began
        finally:
            watchdog.cancel()
            process.kill()
            process.communicate()


def _logged_port(process: "subprocess.Popen[bytes]") -> int:
    # Terminates: the log ends when the process ends, and a start logs a bounded number of lines.
    assert process.stdout is not None
    for _ in range(1000):
        raw = process.stdout.readline()
        if not raw:
            break
        line = json.loads(raw)
        if line.get("message") == "listening":
            return line["port"]
    raise BenchFault("the ingestor ended before it listened")


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
