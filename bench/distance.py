"""A broker behind a network with latency."""

import subprocess
from contextlib import ExitStack
from typing import Self

from processes import check, free_port, new_broker, program

_LISTENER = "DISTANT"


class DistantKafka:
    """Clients of `address` have a round trip of `round_trip_seconds` to the broker; `broker.address` has no
    delay."""

    def __init__(self, round_trip_seconds: float):
        self._way_ms = round_trip_seconds * 1000 / 2
        self._port = free_port()
        self.address = f"127.0.0.1:{self._port}"
        self.broker = new_broker(
            {
                "listener.security.protocol.map": f"PLAINTEXT:PLAINTEXT,{_LISTENER}:PLAINTEXT,CONTROLLER:PLAINTEXT",
                "inter.broker.listener.name": "PLAINTEXT",
            },
            listeners=[_LISTENER],
            advertised={_LISTENER: self.address},
        )
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.broker)
            stack.callback(self._end, self._start())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self) -> "subprocess.Popen[str]":
        target = self.broker.address_of(_LISTENER).rpartition(":")[2]
        command = [program("delay_proxy"), "--port", str(self._port), "--target-port", target]
        proxy = subprocess.Popen(
            [*command, "--delay-ms", str(self._way_ms)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert proxy.stdout is not None
        # Terminates: the program prints this line or ends.
        if proxy.stdout.readline() != "listening\n":
            self._end(proxy)
            check(False, "the delaying proxy did not start")
        return proxy

    @staticmethod
    def _end(proxy: "subprocess.Popen[str]") -> None:
        proxy.kill()
        proxy.communicate()
