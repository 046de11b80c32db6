"""What arrives on the socket need not be HTTP, nor arrive at all."""

import socket
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Final

import pytest

from tests.faults.hostile.victim import ADMIN, JSON, Attempt, Victim, check
from tests.faults.hostile.wire import CLOSED, parse, read_answer

DEADLINE: Final = 3.0  # seconds, ATDM_REQUEST_TIMEOUT_SECONDS of the stack under attack
SOON: Final = 5.0  # seconds in which a server that is well answers anything
CROWD: Final = 200  # connections

GARBAGE: Final[dict[str, bytes]] = {
    "zeros": b"\x00" * 1_000,
    "all bytes": bytes(range(256)) * 10,
    "a TLS greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500,
    "an SSH greeting": b"SSH-2.0-OpenSSH_9.6\r\n",
    "HTTP/2 without asking": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/3.0": b"GET / HTTP/3.0\r\n\r\n",
    "no version": b"GET / \r\nHost: x\r\n\r\n",
    "two blanks": b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
    "no path": b"GET HTTP/1.1\r\nHost: x\r\n\r\n",
    "NUL in the path": b"GET /\x00 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "NUL in a header": b"GET / HTTP/1.1\r\nHost: x\r\nX-A: a\x00b\r\nConnection: close\r\n\r\n",
    "a bare line feed in a header": b"GET / HTTP/1.1\r\nHost: x\r\nX-A: a\nX-B: b\r\nConnection: close\r\n\r\n",
    "a bare carriage return in a header": b"GET / HTTP/1.1\r\nHost: x\r\nX-A: a\rX-B: b\r\nConnection: close\r\n\r\n",
    "a header without a colon": b"GET / HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n",
    "a header without a name": b"GET / HTTP/1.1\r\nHost: x\r\n: x\r\n\r\n",
    "a blank before the colon": b"GET / HTTP/1.1\r\nHost: x\r\nX-A : b\r\n\r\n",
    "a folded header": b"GET / HTTP/1.1\r\nHost: x\r\nX-A: a\r\n b\r\n\r\n",
    "1,000 headers": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * 1_000 + b"\r\n",
    "one megabyte of headers": b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"x" * 1_000_000 + b"\r\n\r\n",
    "one megabyte of path": b"GET /" + b"x" * 1_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a length below zero": b"POST /test-data/requests HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "a length in words": b"POST /test-data/requests HTTP/1.1\r\nHost: x\r\nContent-Length: ten\r\n\r\n",
    "a length with a plus": b"POST /test-data/requests HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\nx",
    "a length of 30 digits": b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 30 + b"\r\n\r\n",
    "two lengths": b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "a length and chunks": (
        b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n"
        b"Connection: close\r\n\r\n0\r\n\r\n"
    ),
    "an unknown coding": b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: x\r\n\r\n",
    "chunks that are not last": b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
    "a method of 100,000 letters": b"X" * 100_000 + b" / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a tunnel": b"CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: 169.254.169.254:80\r\nConnection: close\r\n\r\n",
    "another server's address": b"GET http://169.254.169.254/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "a star": b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage(victim: Victim, name: str) -> None:
    """What is no request is refused or cut off, and the next caller is served."""
    before = victim.state()
    with victim.wire.connect() as connection:
        try:
            connection.sendall(GARBAGE[name])
            connection.shutdown(socket.SHUT_WR)
            answer = read_answer(connection)
        except (BrokenPipeError, ConnectionResetError, OSError):
            answer = CLOSED
    victim.note("socket: garbage", str(answer.status) if answer is not CLOSED else "closed")
    allowed = (200, 302, 307, 400, 401, 404, 405, 414, 431, 501, 505)
    check(Attempt(kind="socket", name=name, bare=True, expected=allowed), answer)
    victim.check_health()
    assert victim.state() == before


CHUNKS: Final[dict[str, bytes]] = {
    "a size that is no number": b"zz\r\nxx\r\n0\r\n\r\n",
    "a size below zero": b"-1\r\nx\r\n0\r\n\r\n",
    "a size of 17 digits": b"fffffffffffffffff\r\nx\r\n0\r\n\r\n",
    "more than the size": b"1\r\nxxxx\r\n0\r\n\r\n",
    "no line end": b"4xxxx0",
    "an endless extension": b"1;" + b"x" * 100_000 + b"\r\nx\r\n0\r\n\r\n",
    "an endless trailer": b"1\r\nx\r\n0\r\nX-A: " + b"x" * 100_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("name", CHUNKS)
def test_bad_chunks(victim: Victim, name: str) -> None:
    """Chunks that do not add up are no body, and nothing has changed."""
    before = victim.state()
    headers = [ADMIN, JSON, ("Transfer-Encoding", "chunked")]
    answer = victim.wire.exchange(victim.wire.request("POST", "/test-data/requests", headers, CHUNKS[name]))
    victim.note("socket: bad chunks", str(answer.status) if answer is not CLOSED else "closed")
    check(Attempt(kind="socket", name=name, bare=True), answer)
    victim.check_health()
    assert victim.state() == before


def test_garbage_behind_a_request(victim: Victim) -> None:
    """The first request of a pipeline is answered once; the garbage behind it ends the connection."""
    good = f"GET /health HTTP/1.1\r\nHost: {victim.wire.host}\r\n\r\n".encode()
    with victim.wire.connect() as connection:
        connection.sendall(good + good + b"\x00\xff GARBAGE \r\n\r\n" + good)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    assert parse(received).status == 200
    assert 1 <= received.count(b"HTTP/1.1 200") <= 2
    victim.note("socket: pipelined garbage", "200 and cut off")
    victim.check_health()


def test_a_body_does_not_smuggle_a_request(victim: Victim) -> None:
    """What stands behind the declared end of a refused body is another request, and has no rights of the first."""
    hidden = b"POST /test-data/reset/all HTTP/1.1\r\nHost: x\r\nX-Confirm: yes\r\nConnection: close\r\n\r\n"
    first = victim.wire.request("POST", "/test-data/requests", [ADMIN, JSON], b"{}")
    before = victim.state()
    with victim.wire.connect() as connection:
        connection.sendall(first.replace(b"Connection: close\r\n", b"") + hidden)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    assert received.startswith(b"HTTP/1.1 400")
    assert received.count(b"HTTP/1.1 ") == 1 or b"HTTP/1.1 401" in received
    assert victim.state() == before
    victim.note("socket: smuggled request", "400")


@contextmanager
def crowd(victim: Victim, beginning: bytes) -> Generator[list[socket.socket]]:
    """Many connections that have sent a beginning and nothing more."""
    with ExitStack() as held:
        connections = [held.enter_context(victim.wire.connect()) for _ in range(CROWD)]
        for connection in connections:
            connection.sendall(beginning)
        yield connections


BEGINNINGS: Final[dict[str, bytes]] = {
    "nothing": b"",
    "half a line": b"POST /test-data/req",
    "half of the headers": b"POST /test-data/requests HTTP/1.1\r\nHost: x\r\nX-A: ",
    "headers and half a body, without a token": (
        b"POST /test-data/requests HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{"
    ),
}


@pytest.mark.parametrize("name", BEGINNINGS)
def test_slow_senders(victim: Victim, name: str) -> None:
    """Hundreds of connections that say nothing more keep nobody else from being served."""
    with crowd(victim, BEGINNINGS[name]):
        started = time.monotonic()
        answer = victim.ask(scenario="active_member_clean")
        assert answer.status_code == 200
        assert victim.take_back(answer.json()).status_code == 200
        victim.check_health()
        assert time.monotonic() - started < SOON
    victim.note(f"socket: {CROWD} slow senders", "others served")


@pytest.mark.parametrize("target", ["/test-data/requests", "/test-data/baseline/snapshot"])
def test_a_body_that_never_ends(victim: Victim, target: str) -> None:
    """Who may ask and sends a body without end is told after the deadline, and has kept one place for as long."""
    before = victim.state()
    request = victim.wire.request("POST", target, [ADMIN, JSON, ("Content-Length", "1000")], b'{"scenario": ')
    started = time.monotonic()
    answer = victim.wire.exchange(request)
    assert DEADLINE - 0.5 < time.monotonic() - started < DEADLINE + SOON
    assert (answer.status, answer.error["code"]) == (504, "DEADLINE_EXCEEDED")
    victim.note("socket: endless body", "504")
    victim.check_health()
    assert victim.state() == before


def test_callers_that_go_away(victim: Victim) -> None:
    """Callers that hang up in the middle of a body, or before their answer, leave nothing behind but whole runs."""
    before = victim.state()["tables"]
    half = victim.wire.request("POST", "/test-data/requests", [ADMIN, JSON, ("Content-Length", "1000")], b"{")
    dry = b'{"scenario": "active_member_clean", "delivery": {"seed_target": false}}'
    whole = victim.wire.request("POST", "/test-data/requests", [ADMIN, JSON], dry)
    for request in (half, whole) * 20:
        with victim.wire.connect() as connection:
            connection.sendall(request)
            reset = b"\x01\x00\x00\x00\x00\x00\x00\x00"
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        victim.note("socket: hung up", "others served")
    victim.check_health()
    until = time.monotonic() + SOON
    while (answer := victim.ask(scenario="active_member_clean", delivery={"seed_target": False})).status_code == 429:
        assert time.monotonic() < until  # their places are free again as soon as the server hears that they have gone
    assert answer.status_code == 200
    assert victim.state()["tables"] == before
