"""Tests of the simulated network: the proxy's effect on connections, so that a fault elsewhere is caused by
the service."""

import gc
import socket
import socketserver
import threading
import time
from collections.abc import Iterator

import pytest
from support.tcp_proxy import TcpProxy

SECONDS = 10
# More than the sockets and the proxy can buffer.
MUCH = bytes(range(256)) * (1 << 17)


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        try:
            while data := self.request.recv(1 << 16):
                self.request.sendall(data)
        except ConnectionError:
            pass  # the connection was cut


@pytest.fixture
def proxy() -> Iterator[TcpProxy]:
    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), _Echo) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            with TcpProxy(server.server_address[1]) as started:
                yield started
        finally:
            server.shutdown()
            thread.join()


def connect(proxy: TcpProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), SECONDS)


def receive(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (piece := connection.recv(size - len(data))):
        data += piece
    return data


def echo(connection: socket.socket, data: bytes) -> bytes:
    connection.sendall(data)
    return receive(connection, len(data))


def test_all_bytes_pass_and_the_end_comes_behind_them(proxy: TcpProxy) -> None:
    with connect(proxy) as one, connect(proxy) as other:
        sender = threading.Thread(target=one.sendall, args=[MUCH])
        sender.start()
        assert receive(one, len(MUCH)) == MUCH
        sender.join()
        assert echo(other, b"other") == b"other"
        one.shutdown(socket.SHUT_WR)
        assert one.recv(1) == b""
        assert echo(other, b"still there") == b"still there"
    assert proxy.connections == 2


def test_a_cut_resets_and_refuses_until_it_is_mended(proxy: TcpProxy) -> None:
    with connect(proxy) as connection:
        assert echo(connection, b"before") == b"before"
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    with pytest.raises(ConnectionRefusedError):
        connect(proxy)
    proxy.cut()
    proxy.resume()
    with connect(proxy) as connection:
        assert echo(connection, b"after") == b"after"


def test_a_freeze_holds_everything_up_and_loses_nothing(proxy: TcpProxy) -> None:
    with connect(proxy) as connection:
        assert echo(connection, b"before") == b"before"
        proxy.freeze()
        connection.sendall(b"held")
        with connect(proxy) as new:
            new.sendall(b"new")
            for silent in (connection, new):
                silent.settimeout(0.1)
                with pytest.raises(TimeoutError):
                    silent.recv(1)
                silent.settimeout(SECONDS)
            proxy.resume()
            assert receive(new, 3) == b"new"
        assert receive(connection, 4) == b"held"


def test_a_cut_ends_a_freeze(proxy: TcpProxy) -> None:
    with connect(proxy) as connection:
        assert echo(connection, b"before") == b"before"
        proxy.freeze()
        connection.sendall(b"gone")
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_connections_that_end_while_they_are_cut_leave_nothing_open(proxy: TcpProxy) -> None:
    for _ in range(100):
        connections = [connect(proxy) for _ in range(5)]
        for connection in connections:
            connection.sendall(b"ends")
            connection.close()
        proxy.cut()
        proxy.resume()
    proxy.close()
    gc.collect()  # unclosed objects without an owner warn, which pytest reports as a failure


def test_a_delay_holds_replies_up_and_stops_nothing(proxy: TcpProxy) -> None:
    with connect(proxy) as connection:
        proxy.delay(0.5)
        began = time.monotonic()
        for n in range(20):
            connection.sendall(b"%02d" % n)
        assert receive(connection, 40) == b"".join(b"%02d" % n for n in range(20))
        took = time.monotonic() - began
        assert 0.5 <= took < 20 * 0.5
        proxy.resume()
        began = time.monotonic()
        assert echo(connection, b"quick") == b"quick"
        assert time.monotonic() - began < took


def test_a_target_that_is_not_there_resets(proxy: TcpProxy) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        proxy.target_port = nobody.getsockname()[1]
        # At once: the reset may arrive with the connection.
        with pytest.raises(ConnectionResetError), connect(proxy) as connection:
            connection.recv(1)
