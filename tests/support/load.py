"""A closed-loop load client: N keep-alive connections, one request in flight on each, every reply
recorded."""

import asyncio
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from support.ingestor import EVENTS, JSON, NDJSON
from support.waiting import wait_until

# Limit for a run that is never stopped.
_RUN_SECONDS_MAX = 120
_RECONNECT_SECONDS = 0.02
_LAST_REPLIES_SECONDS = 10
_CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Body:
    """The body of one request; `ids` are those of its events, in order."""

    ids: list[str]
    data: bytes
    content_type: str = JSON


# Makes the body of the n-th request (from 0) of a connection (from 0).
BodyMaker = Callable[[int, int], Body]


def single_events(prefix: str, pad_bytes: int = 150) -> BodyMaker:
    """One event per request. /payload/user names the connection and /payload/n counts its events, so that the
    order per key can be checked."""
    pad = "x" * pad_bytes

    def make(connection: int, n: int) -> Body:
        event_id = f"{prefix}-{connection}-{n}"
        payload = f'{{"user":"{prefix}-u{connection}","n":{n},"pad":"{pad}"}}'
        event = f'{{"id":"{event_id}","type":"load","payload":{payload}}}'
        return Body([event_id], event.encode())

    return make


def ndjson_events(prefix: str, events: int, pad_bytes: int = 150) -> BodyMaker:
    """`events` events per request, one per line."""
    one = single_events(prefix, pad_bytes)

    def make(connection: int, n: int) -> Body:
        parts = [one(connection, n * events + i) for i in range(events)]
        return Body([p.ids[0] for p in parts], b"\n".join(p.data for p in parts) + b"\n", NDJSON)

    return make


@dataclass
class LoadResult:
    accepted: list[str] = field(default_factory=list)  # ids, in the order of their replies
    unanswered: list[str] = field(
        default_factory=list
    )  # ids of requests whose connection broke: result unknown
    statuses: Counter[int] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)  # of rejections: of whole requests, or of each event
    retry_after_missing: int = 0  # 429 and 503 without Retry-After
    connect_errors: int = 0
    broken: int = 0  # connections that ended with a request in flight
    slowest_seconds: float = 0.0
    seconds: float = 0.0

    @property
    def requests(self) -> int:
        return self.statuses.total()


class _Connection(asyncio.Protocol):
    def __init__(self, load: "LoadClient", index: int):
        self._load = load
        self._index = index
        self._n = 0
        self._buffer = b""
        self._body: Body | None = None
        self._sent_at = 0.0
        self._transport: asyncio.Transport | None = None

    @property
    def busy(self) -> bool:
        return self._body is not None

    async def connect(self) -> None:
        while not self._load.stopping:
            try:
                await self._load.loop.create_connection(lambda: self, self._load.host, self._load.port)
                return
            except OSError:
                self._load.result.connect_errors += 1
                await asyncio.sleep(_RECONNECT_SECONDS)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def close_if_idle(self) -> None:
        if self._transport is not None and not self.busy:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._buffer = b""
        self._send()

    def connection_lost(self, _: Exception | None) -> None:
        self._transport = None
        if self._body is not None:
            self._load.result.broken += 1
            self._load.result.unanswered += self._body.ids
            self._body = None
        self._load.reconnect(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[: end + 2]
        length = _CONTENT_LENGTH.search(head)
        assert length, f"a reply without Content-Length: {head!r}"
        total = end + 4 + int(length[1])
        if len(self._buffer) < total:
            return
        reply_body, self._buffer = self._buffer[end + 4 : total], self._buffer[total:]
        assert self._body is not None and not self._buffer, f"a reply without a request: {head!r}"
        status = int(head[9:12])
        self._book(status, head, reply_body)
        self._body = None
        if _CLOSE.search(head):
            if self._transport is not None:
                self._transport.close()
        elif status in (429, 503) and self._load.pause_on_refusal > 0:
            self._load.loop.call_later(self._load.pause_on_refusal, self._send)
        elif self._load.pause > 0:
            self._load.loop.call_later(self._load.pause, self._send)
        else:
            self._send()

    def _send(self) -> None:
        if self._transport is None or self._transport.is_closing() or self._body is not None:
            return
        if not self._load.may_send():
            self._transport.close()
            return
        body = self._body = self._load.make_body(self._index, self._n)
        self._n += 1
        self._sent_at = time.monotonic()
        self._transport.write(
            b"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s"
            % (self._load.path.encode(), body.content_type.encode(), len(body.data), body.data)
        )

    def _book(self, status: int, head: bytes, reply_body: bytes) -> None:
        assert self._body is not None
        result = self._load.result
        result.slowest_seconds = max(result.slowest_seconds, time.monotonic() - self._sent_at)
        result.statuses[status] += 1
        if status in (200, 202):
            result.accepted += self._body.ids
        else:
            told = json.loads(reply_body)
            errors = told.get("errors", [])
            result.codes.update(error["code"] for error in errors or [told])
            if status == 207:
                refused = {error["index"] for error in errors}
                result.accepted += [id for i, id in enumerate(self._body.ids) if i not in refused]
            elif status in (429, 503) and b"\r\nretry-after:" not in head.lower():
                result.retry_after_missing += 1


class LoadClient:
    """Runs in its own thread from start() to stop(). A broken connection is reopened until stop().

    With `requests` it sends that many in total and then stops sending; `pause` is the time in seconds between
    a reply and the next request. After a rejection (429, 503) it pauses: otherwise rejections in a closed
    loop would use the CPU time that the server needs.
    """

    def __init__(
        self,
        port: int,
        make_body: BodyMaker,
        connections: int = 16,
        requests: int | None = None,
        pause_on_refusal: float = 0.005,
        path: str = EVENTS,
        host: str = "127.0.0.1",
        pause: float = 0,
        seconds_max: float = _RUN_SECONDS_MAX,
    ):
        self.host = host
        self.pause = pause
        self._seconds_max = seconds_max
        self.port = port
        self.path = path
        self.make_body = make_body
        self.pause_on_refusal = pause_on_refusal
        self.result = LoadResult()
        self.stopping = False
        self.loop = asyncio.new_event_loop()
        self._sent = 0
        self._requests = requests
        self._connections = [_Connection(self, i) for i in range(connections)]
        self._tasks: set[asyncio.Task[None]] = set()
        self._faults: list[str] = []
        self._started_at = 0.0
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self._thread.is_alive():
            self.stop()

    def start(self) -> "LoadClient":
        self._started_at = time.monotonic()
        self._thread.start()
        return self

    def wait_accepted(self, count: int, seconds: float = 30) -> None:
        """Waits until `count` events have been accepted since the start."""
        wait_until(lambda: len(self.result.accepted) >= count, seconds, f"{count} events accepted")

    def wait_requests(self, count: int, seconds: float = 30) -> None:
        wait_until(lambda: self.result.requests >= count, seconds, f"{count} requests answered")

    def stop(self) -> LoadResult:
        """Sends no new requests, waits for outstanding replies, then closes. May be called again."""
        if not self.stopping:
            self.loop.call_soon_threadsafe(self._begin_stop)
        self._thread.join(_LAST_REPLIES_SECONDS + 10)
        assert not self._thread.is_alive(), "the load client does not stop"
        assert not self._faults, self._faults[0]
        return self.result

    def may_send(self) -> bool:
        late = time.monotonic() - self._started_at > self._seconds_max
        if self.stopping or late or (self._requests is not None and self._sent >= self._requests):
            return False
        self._sent += 1
        return True

    def reconnect(self, connection: _Connection) -> None:
        if not self.stopping and (self._requests is None or self._sent < self._requests):
            task = self.loop.create_task(connection.connect())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _begin_stop(self) -> None:
        if self.stopping:
            return
        self.stopping = True
        self.loop.create_task(self._finish())

    async def _finish(self) -> None:
        deadline = self.loop.time() + _LAST_REPLIES_SECONDS
        for connection in self._connections:
            connection.close_if_idle()
        while any(c.busy for c in self._connections) and self.loop.time() < deadline:
            await asyncio.sleep(0.005)
        for connection in self._connections:
            connection.abort()
        await asyncio.sleep(0)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.loop.stop()

    def _run(self) -> None:
        # An assertion that fails in a protocol callback must fail the test, not only be logged by the event
        # loop.
        self.loop.set_exception_handler(
            lambda _, context: self._faults.append(f"{context['message']}: {context.get('exception')!r}")
        )
        for connection in self._connections:
            self.reconnect(connection)
        self.loop.run_forever()
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()
        self.result.seconds = time.monotonic() - self._started_at
