"""A TCP proxy that simulates a network: it can be cut, frozen, slow, and repaired."""

import asyncio
import errno
import socket
import struct
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Self, TypeVar

from support.ports import free_port

T = TypeVar("T")
Side = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_START_ATTEMPTS = 5
_CALL_SECONDS = 10
_PIECE_BYTES = 1 << 16
# Pieces in transit in one direction; further data stays with the sender, as in a network.
_PIECES_MAX = 256


class TcpProxy:
    """Forwards connections on its port to `target_port`, both on loopback, from start() to close().

    Runs in its own thread; these methods may be called from one other thread. Every change also applies to
    open connections and is in effect when the call returns.
    """

    def __init__(self, target_port: int):
        self.target_port = target_port
        self.port = 0
        self.connections = 0  # accepted so far
        self._delay_seconds = 0.0
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._listener: socket.socket | None = None
        self._links: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tcp proxy", daemon=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> Self:
        self._thread.start()
        for attempt in range(1, _START_ATTEMPTS + 1):
            self.port = free_port()
            try:
                self._call(self._listen)
                break
            except OSError as error:
                if error.errno != errno.EADDRINUSE or attempt == _START_ATTEMPTS:
                    raise
        return self

    def close(self) -> None:
        """May be called again."""
        if self._loop.is_closed():
            return
        if self._thread.is_alive():
            self._call(self._end)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(_CALL_SECONDS)
            assert not self._thread.is_alive(), "the proxy does not stop"
        self._loop.close()

    def cut(self) -> None:
        """Open connections are reset, new ones rejected. Data in transit is lost."""
        self._call(self._cut)

    def freeze(self) -> None:
        """Connections stay open, new ones are accepted, but no data is forwarded."""
        self._call(self._set_flowing, False)

    def delay(self, seconds: float) -> None:
        """Data from the target is delayed by that much; data to the target is not."""
        self._call(self._set_delay, seconds)

    def resume(self) -> None:
        """Ends all faults. Data held by a freeze is forwarded; connections that were cut are not reopened."""
        self._call(self._resume)

    # --- the proxy's own thread

    def _call(self, function: Callable[..., Coroutine[Any, Any, T]], *arguments: object) -> T:
        return asyncio.run_coroutine_threadsafe(function(*arguments), self._loop).result(_CALL_SECONDS)

    async def _listen(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._listener.setblocking(False)
        # asyncio's own server loses a connection that it is just accepting when it is closed.
        self._loop.add_reader(self._listener, self._accept, self._listener)

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return  # it has ended already
        connection.setblocking(False)
        self.connections += 1
        link = self._loop.create_task(self._link(connection))
        self._links.add(link)
        link.add_done_callback(self._links.discard)

    async def _cut(self) -> None:
        if self._listener is not None:
            self._loop.remove_reader(self._listener)
            self._listener.close()
            self._listener = None
        # Let newly created tasks start, so that they can be ended.
        await asyncio.sleep(0)
        links = list(self._links)
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)

    async def _end(self) -> None:
        await self._cut()
        # All tasks are cancelled; they notice it after one more round of the loop.
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)
        await asyncio.sleep(0)

    async def _set_flowing(self, flowing: bool) -> None:
        if flowing:
            self._flowing.set()
        else:
            self._flowing.clear()

    async def _set_delay(self, seconds: float) -> None:
        self._delay_seconds = seconds

    async def _resume(self) -> None:
        await self._set_flowing(True)
        await self._set_delay(0)
        if self._listener is None:
            await self._listen()

    async def _link(self, connection: socket.socket) -> None:
        try:
            client = await asyncio.open_connection(sock=connection)
        except (OSError, asyncio.CancelledError):
            return connection.close()
        try:
            target = await asyncio.open_connection("127.0.0.1", self.target_port)
        except (OSError, asyncio.CancelledError):
            return _reset(client[1])
        await self._join(client, target)

    async def _join(self, client: Side, target: Side) -> None:
        """Runs until either side has closed, which closes both, or the connection is cut."""
        pumps = [
            self._loop.create_task(pump)
            for source, sink, back in ((client, target, False), (target, client, True))
            for pump in self._pumps(source[0], sink[1], back)
        ]
        end: Callable[[asyncio.StreamWriter], None] = asyncio.StreamWriter.close
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            end = _reset
        # No await from here on: a cut in between would leave the rest undone.
        for pump in pumps:
            pump.cancel()
        for _, writer in (client, target):
            end(writer)

    def _pumps(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, back: bool
    ) -> Iterator[Coroutine[None, None, None]]:
        pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_PIECES_MAX)

        async def take() -> None:
            data = b"-"
            while data:
                # The end of the stream is a piece too and follows the last bytes.
                try:
                    data = await source.read(_PIECE_BYTES)
                except OSError:
                    return
                due = self._loop.time() + (self._delay_seconds if back else 0)
                await pieces.put((due, data))
            await self._loop.create_future()

        async def pass_on() -> None:
            while True:
                due, data = await pieces.get()
                await asyncio.sleep(due - self._loop.time())
                await self._flowing.wait()
                if not data:
                    return
                sink.write(data)
                try:
                    await sink.drain()
                except OSError:
                    return

        yield from (take(), pass_on())


def _reset(writer: asyncio.StreamWriter) -> None:
    """The peer sees a reset: data that was written but not sent yet is dropped."""
    if not writer.transport.is_closing():
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
    writer.transport.abort()
