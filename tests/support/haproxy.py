"""HAProxy as a balancer that passes TCP through and names its clients in headers of the PROXY protocol, version 2."""

import csv
import io
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from support.certificates import Authority
from support.ingestor import Ingestor
from support.ports import free_port
from support.waiting import wait_until

CHECK_SECONDS = 0.1

_CONFIGURATION = """
global
  stats socket {folder}/stats mode 600 level user
defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  option redispatch
  retries 3
frontend events
  bind 127.0.0.1:{port}
  default_backend pods
backend pods
  option httpchk GET /readyz
  default-server send-proxy-v2 check inter {milliseconds}ms fall 1 rise 1 {check}
{servers}
"""


def _server(service: Ingestor) -> str:
    checked = f" port {service.admin_port}" if service.admin_port else ""
    return f"  server pod-{service.port} 127.0.0.1:{service.port}{checked}"


class Haproxy:
    """Passes connections to the services in turn, as long as their /readyz succeeds: on the admin port, or if there is
    none on the same port and with a header too. With an authority the health checks use TLS and verify it."""

    def __init__(self, services: Sequence[Ingestor], authority: Authority | None = None):
        self._dir = tempfile.TemporaryDirectory(prefix="haproxy-")
        self.port = free_port()
        folder = Path(self._dir.name)
        check = "" if authority is None else f"check-ssl verify required ca-file {authority.certificate}"
        configuration = folder / "haproxy.cfg"
        configuration.write_text(
            _CONFIGURATION.format(
                folder=folder,
                port=self.port,
                milliseconds=round(CHECK_SECONDS * 1000),
                check=check,
                servers="\n".join(map(_server, services)),
            )
        )
        self._process = subprocess.Popen(
            ["/usr/sbin/haproxy", "-f", configuration],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def __enter__(self) -> Self:
        try:
            wait_until(lambda: self.checks() or self._process.poll() is not None, 10, "HAProxy answers")
            assert self._process.poll() is None, self._process.communicate()[0]
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate()
        self._dir.cleanup()

    def checks(self) -> dict[int, str]:
        """The result of the last health check of each port, such as L7OK."""
        try:
            with socket.socket(socket.AF_UNIX) as stats:
                stats.settimeout(5)
                stats.connect(f"{self._dir.name}/stats")
                stats.sendall(b"show stat\n")
                with stats.makefile() as reply:
                    rows = list(csv.DictReader(io.StringIO(reply.read().lstrip("# "))))
        except OSError:
            return {}
        return {
            int(row["svname"].removeprefix("pod-")): row["check_status"]
            for row in rows
            if row["svname"].startswith("pod-")
        }
