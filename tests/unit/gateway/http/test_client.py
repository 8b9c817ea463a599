"""Questions to a server that answers byte by byte as a test says: whole answers, lost ones, and who is asked again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from modelport.gateway.http import BadAnswer, Client
from modelport.gateway.http.client import KEPT

OK = b"HTTP/1.1 200 OK\r\nX-Kind: whole\r\nContent-Length: 2\r\n\r\nok"
Script = Callable[[asyncio.StreamWriter, bytes], Awaitable[None]]


class Server:
    """Reads requests with a Content-Length and leaves each answer to a script."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.connections = 0
        self.bodies: list[bytes] = []
        self.gone = asyncio.Event()
        """A client has left."""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                self.bodies.append(await reader.readexactly(length))
                await self.script(writer, head)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.gone.set()
        finally:
            writer.close()


Start = Callable[[Script], Awaitable[tuple[Server, Client]]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    ends: list[Callable[[], None]] = []

    async def start(script: Script) -> tuple[Server, Client]:
        server = Server(script)
        bound = await asyncio.start_server(server, "127.0.0.1", 0)
        client = Client(*bound.sockets[0].getsockname())
        ends.extend((client.close, bound.close))
        return server, client

    yield start
    for end in ends:
        end()


async def answer(writer: asyncio.StreamWriter, head: bytes) -> None:
    writer.write(OK)


async def test_an_answer_is_whole_and_the_connection_takes_the_next_question(start: Start) -> None:
    server, client = await start(answer)
    answers = [await client.post("/p", {"X-A": "1"}, [b"one", memoryview(b"two")]) for _ in range(3)]

    assert [(each.status, each.headers["x-kind"], each.body) for each in answers] == [(200, "whole", b"ok")] * 3
    assert server.bodies == [b"onetwo"] * 3
    assert server.connections == 1


async def test_a_head_says_where_and_to_whom(start: Start) -> None:
    heads = []

    async def script(writer: asyncio.StreamWriter, head: bytes) -> None:
        heads.append(head.decode())
        await answer(writer, head)

    _, client = await start(script)
    await client.post("/v2/x", {"X-A": "1"}, [b""])

    first, *lines = heads[0].removesuffix("\r\n\r\n").split("\r\n")
    assert first == "POST /v2/x HTTP/1.1"
    assert lines[0].startswith("Host: 127.0.0.1:")
    assert lines[1:] == ["X-A: 1", "Content-Length: 0"]


async def test_an_answer_in_pieces_and_chunks_is_put_together(start: Start) -> None:
    async def script(writer: asyncio.StreamWriter, head: bytes) -> None:
        for piece in (
            b"HTTP/1.1 40",
            b"0 Bad\r\nTransfer-Enc",
            b"oding: chunked\r\n\r\n3\r\nabc",
            b"\r\n1\r\nd\r\n0\r\n\r\n",
        ):
            writer.write(piece)
            await asyncio.sleep(0.01)

    _, client = await start(script)
    for _ in range(2):
        found = await client.post("/", {}, [b""])
        assert (found.status, found.body) == (400, b"abcd")


async def test_questions_at_a_time_have_a_connection_each_and_few_are_kept(start: Start) -> None:
    together = asyncio.Barrier(KEPT + 3)

    async def script(writer: asyncio.StreamWriter, head: bytes) -> None:
        await together.wait()
        await answer(writer, head)

    server, client = await start(script)
    for _ in range(2):
        await asyncio.gather(*(client.post("/", {}, [b""]) for _ in range(KEPT + 3)))

    assert server.connections == KEPT + 3 + 3


async def test_a_connection_that_the_server_closed_is_not_used_again(start: Start) -> None:
    async def script(writer: asyncio.StreamWriter, head: bytes) -> None:
        writer.write(OK)
        writer.close()

    server, client = await start(script)
    await client.post("/", {}, [b""])
    await asyncio.sleep(0.05)

    assert (await client.post("/", {}, [b""])).status == 200
    assert server.connections == 2


async def test_one_that_the_server_means_to_close_is_not_used_again_either(start: Start) -> None:
    async def script(writer: asyncio.StreamWriter, head: bytes) -> None:
        writer.write(OK.replace(b"X-Kind: whole", b"Connection: close"))

    server, client = await start(script)
    for _ in range(2):
        await client.post("/", {}, [b""])

    assert server.connections == 2


@pytest.mark.parametrize("said", [b"", OK[:20], OK[:-1]], ids=["nothing", "half a head", "half a body"])
async def test_a_server_that_ends_before_its_answer_does_is_told(start: Start, said: bytes) -> None:
    async def script(writer: asyncio.StreamWriter, head: bytes) -> None:
        writer.write(said)
        writer.close()

    _, client = await start(script)
    with pytest.raises(ConnectionError):
        await asyncio.wait_for(client.post("/", {}, [b""]), 5)


async def test_nobody_listening_is_told_as_that() -> None:
    with pytest.raises(ConnectionRefusedError):
        await Client("127.0.0.1", 1).post("/", {}, [b""])


async def test_what_is_no_http_is_told_and_the_connection_ends(start: Start) -> None:
    async def script(writer: asyncio.StreamWriter, head: bytes) -> None:
        writer.write(b"\x16\x03\x01 hello\r\n\r\n")

    server, client = await start(script)
    with pytest.raises(BadAnswer):
        await asyncio.wait_for(client.post("/", {}, [b""]), 5)
    await asyncio.wait_for(server.gone.wait(), 5)


async def test_an_asker_who_is_cancelled_takes_the_connection_along(start: Start) -> None:
    late: list[asyncio.StreamWriter] = []

    async def script(writer: asyncio.StreamWriter, head: bytes) -> None:
        if not late:
            late.append(writer)  # its answer must not become the next question's
        else:
            await answer(writer, head)

    server, client = await start(script)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await client.post("/", {}, [b"first"])
    await asyncio.wait_for(server.gone.wait(), 5)

    assert (await client.post("/", {}, [b"second"])).body == b"ok"
    assert server.connections == 2
