"""Fetching from servers that try every trick, by a resolver that does too.

The servers listen on loopback addresses, which the fetcher is told to allow; the names lead there by the test's
resolver alone, so an answer proves that no other one was asked.
"""

from __future__ import annotations

import asyncio
import gzip
import re
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from modelport.api.access import ImageUrls
from modelport.gateway.errors import BadRequest
from modelport.gateway.image_urls import ImageFetcher
from modelport.gateway.image_urls.fetch import REDIRECTS

HOST = "pictures.test"
OTHER = "other.test"
LIMIT = 1000
PICTURE = b"a picture"
SECRET = b"a secret"


def answer(body: bytes = b"", *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    length = len(body) if length is None else length
    return "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {length}", *headers, "", ""]).encode() + body


def redirect(location: str, *headers: str, status: str = "302 Found") -> bytes:
    return answer(b"", f"Location: {location}", *headers, status=status)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def endless(writer: asyncio.StreamWriter) -> None:
    writer.write(CHUNKED)
    while not writer.is_closing():
        writer.write(chunk(b"x" * 100))
        await writer.drain()


async def endless_head(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while not writer.is_closing():
        writer.write(b"X-Y: " + b"z" * 100 + b"\r\n")
        await writer.drain()


async def silent(writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def stuck(writer: asyncio.StreamWriter) -> None:
    writer.write(answer(b"a", length=10))
    await asyncio.Event().wait()


Page = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Server:
    """Answers each path with what it is given, and notes the heads of the requests."""

    pages: Mapping[str, Page]
    heads: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.read(4096)).decode("latin-1")
            asked = re.match(r"GET ([^ ?]+)", head)
            if asked:
                self.heads.append(head)
            page = self.pages[asked[1]] if asked else answer(status="400 Bad Request")
            if isinstance(page, bytes):
                writer.write(page)
            else:
                await page(writer)
        except OSError:  # the fetcher has had enough
            pass
        finally:
            writer.close()


@dataclass
class Names:
    """A resolver whose answers change from one question to the next; the last one stays."""

    answers: Mapping[str, Sequence[Sequence[str]]]
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        answers = self.answers.get(host)
        if not answers:
            raise socket.gaierror("no such name")
        found = answers[min(self.asked.count(host), len(answers) - 1)]
        self.asked.append(host)
        return found


@dataclass
class Web:
    """Servers on one port of several loopback addresses, and the names that lead to them."""

    port: int
    servers: Mapping[str, Server]
    names: Names

    async def fetch(self, path: str = "/", *, scheme: str = "http", host: str = HOST, seconds: float = 5.0) -> bytes:
        allowed = ImageUrls(allow=(f"{HOST}:{self.port}", f"{OTHER}:{self.port}"))
        fetcher = ImageFetcher(loopback=True, lookup=self.names, seconds=seconds)
        url = f"{scheme}://{host}:{self.port}{path}"
        return (await fetcher.fetch([("data", url)], allowed, LIMIT))["data"]

    async def refused(self, path: str = "/", *, scheme: str = "http", seconds: float = 5.0) -> str:
        with pytest.raises(BadRequest) as refused:
            await self.fetch(f"{path}?secret=1", scheme=scheme, seconds=seconds)
        assert refused.value.message.startswith("data: ")
        assert "secret" not in refused.value.message
        return refused.value.message


Start = Callable[..., Awaitable[Web]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def start(
            pages: Mapping[str, Page],
            *,
            names: Mapping[str, Sequence[Sequence[str]]] | None = None,
            tls: ssl.SSLContext | None = None,
            elsewhere: Mapping[str, Page] | None = None,
        ) -> Web:
            here = [["127.0.0.1"]]
            pages_at = {"127.0.0.1": pages} | ({} if elsewhere is None else {"127.0.0.2": elsewhere})
            servers, port = {}, 0
            for address, shown in pages_at.items():
                server = servers[address] = Server(shown)
                listening = await asyncio.start_server(server.serve, address, port, ssl=tls)
                stack.callback(listening.close)
                port = listening.sockets[0].getsockname()[1]
            return Web(port, servers, Names({HOST: here, OTHER: here} if names is None else names))

        yield start


async def test_a_picture_is_fetched(start: Start) -> None:
    web = await start({"/a": answer(PICTURE)})

    assert await web.fetch("/a?b=%2F") == PICTURE
    (head,) = web.servers["127.0.0.1"].heads
    assert head.startswith(f"GET /a?b=%2F HTTP/1.1\r\nHost: {HOST}:{web.port}\r\n")
    assert "Accept-Encoding: identity" in head


async def test_the_address_that_was_checked_is_the_one_that_is_asked(start: Start) -> None:
    web = await start(
        {"/": answer(PICTURE)},
        elsewhere={"/": answer(SECRET)},
        names={HOST: [["127.0.0.1"], ["127.0.0.2"], ["169.254.169.254"]]},
    )

    assert await web.fetch() == PICTURE
    assert web.names.asked == [HOST]


async def test_a_name_that_leads_elsewhere_after_a_redirect_is_checked_again(start: Start) -> None:
    web = await start({"/": redirect("/again")}, names={HOST: [["127.0.0.1"], ["169.254.169.254"]]})

    assert "the name leads to an address of a cloud's metadata" in await web.refused()
    assert len(web.servers["127.0.0.1"].heads) == 1


@pytest.mark.parametrize(
    ("addresses", "says"),
    [
        (["10.0.0.1"], "allowCidrs"),
        (["169.254.169.254"], "metadata"),
        (["::ffff:169.254.169.254"], "metadata"),
        (["64:ff9b::a9fe:a9fe"], "metadata"),
        (["fe80::1%lo"], "link-local"),
        (["0.0.0.0"], "this machine"),
        (["127.0.0.1", "10.0.0.1"], "allowCidrs"),
    ],
)
async def test_a_name_that_leads_where_it_may_not_is_not_asked(start: Start, addresses: list[str], says: str) -> None:
    web = await start({"/": answer(SECRET)}, names={HOST: [addresses]})

    assert says in await web.refused()
    assert not web.servers["127.0.0.1"].heads


async def test_loopback_addresses_are_not_asked_by_default(start: Start) -> None:
    web = await start({"/": answer(SECRET)})
    allowed = ImageUrls(allow=(f"{HOST}:{web.port}",), allow_cidrs=("127.0.0.0/8",))
    fetcher = ImageFetcher(lookup=web.names)

    with pytest.raises(BadRequest, match=f"^data: {HOST}: the name leads to a loopback address$"):
        await fetcher.fetch([("data", f"http://{HOST}:{web.port}/")], allowed, LIMIT)
    assert not web.servers["127.0.0.1"].heads


async def test_the_next_address_is_asked_where_nobody_listens_at_the_first(start: Start) -> None:
    web = await start({"/": answer(PICTURE)}, names={HOST: [["127.0.0.9", "127.0.0.1"]]})

    assert await web.fetch() == PICTURE


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 Temporary", "308 Permanent"])
async def test_a_redirect_to_an_allowed_host_is_followed(start: Start, status: str) -> None:
    pages: dict[str, Page] = {"/b": answer(PICTURE)}
    web = await start(pages)
    pages["/"] = redirect(f"http://{OTHER}:{web.port}/b", status=status)

    assert await web.fetch() == PICTURE
    assert web.names.asked == [HOST, OTHER]


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("http://169.254.169.254/latest/meta-data/", "redirects to 169.254.169.254: hosts are named"),
        ("http://[::ffff:169.254.169.254]/", "hosts are named"),
        ("http://2852039166/", "hosts are named"),
        ("http://metadata.google.internal/", "redirects to metadata.google.internal: the model allows"),
        ("file:///etc/passwd", 'the scheme "file"'),
        (f"http://user:password@{HOST}/", "a user or a password"),
        ("http://[/", "no URL"),
    ],
)
async def test_a_redirect_elsewhere_is_not_followed(start: Start, location: str, says: str) -> None:
    web = await start({"/": redirect(location)})

    assert says in await web.refused()


async def test_redirects_are_counted(start: Start) -> None:
    web = await start({"/": redirect("/")})

    assert f"more than {REDIRECTS} redirects" in await web.refused()
    assert len(web.servers["127.0.0.1"].heads) == 1 + REDIRECTS


async def test_no_cookie_is_kept(start: Start) -> None:
    web = await start({"/": redirect("/b", "Set-Cookie: a=b; Path=/"), "/b": answer(PICTURE)})

    assert await web.fetch() == PICTURE
    assert "cookie" not in "".join(web.servers["127.0.0.1"].heads).lower()


async def test_the_environment_names_no_proxy_and_no_password(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    web = await start({"/": answer(PICTURE)}, elsewhere={"/": answer(SECRET)})
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine {HOST} login user password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.2:{web.port}")

    assert await web.fetch() == PICTURE
    assert "authorization" not in web.servers["127.0.0.1"].heads[0].lower()
    assert not web.servers["127.0.0.2"].heads


BAD_ANSWERS: dict[str, tuple[Page, str]] = {
    "not found": (answer(b"no", status="404 Not Found"), "expected status 200, got 404"),
    "partial": (answer(b"no", status="206 Partial Content"), "expected status 200, got 206"),
    "a redirect to nowhere": (answer(b"", status="302 Found"), "no URL"),
    "a declared length above the limit": (answer(b"", length=LIMIT + 1), "more than 1000 bytes"),
    "a length above what comes": (answer(PICTURE, length=LIMIT), "does not end as its headers say"),
    "a length below what comes": (answer(PICTURE + SECRET, length=len(PICTURE)), "not HTTP"),
    "a length that is none": (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "not HTTP"),
    "two lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "not HTTP"),
    "more bytes than the limit": (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (LIMIT + 1), "more than 1000 bytes"),
    "an endless body": (endless, "more than 1000 bytes"),
    "endless headers": (endless_head, "not HTTP"),
    "broken chunks": (CHUNKED + b"nonsense\r\n", "not HTTP"),
    "chunks cut short": (CHUNKED + chunk(PICTURE), "does not end as its headers say"),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n", "not HTTP"),
    "nothing": (b"", "closed the connection"),
    "a gzip bomb": (answer(gzip.compress(b"\0" * 300_000), "Content-Encoding: gzip"), "more than 1000 bytes"),
    "a deflate bomb": (answer(zlib.compress(b"\0" * 300_000), "Content-Encoding: deflate"), "more than 1000 bytes"),
    "no gzip": (answer(PICTURE, "Content-Encoding: gzip"), "not the gzip that it claims to be"),
    "gzip cut short": (answer(gzip.compress(PICTURE)[:-4], "Content-Encoding: gzip"), "not the gzip"),
    "another encoding": (answer(PICTURE, "Content-Encoding: br"), "neither gzip nor deflate"),
    "two encodings": (answer(PICTURE, "Content-Encoding: gzip, gzip"), "neither gzip nor deflate"),
}


@pytest.mark.parametrize(("page", "says"), BAD_ANSWERS.values(), ids=BAD_ANSWERS)
async def test_a_bad_answer_is_told_with_its_reason(start: Start, page: Page, says: str) -> None:
    web = await start({"/": page})
    message = await web.refused()

    assert message.startswith(f"data: {HOST}: ")
    assert says in message


@pytest.mark.parametrize("page", [silent, stuck], ids=["no answer", "a body that never ends"])
async def test_patience_ends(start: Start, page: Page) -> None:
    web = await start({"/": page})

    assert await web.refused(seconds=0.05) == "data: the picture did not come from its URL within 0.05 s"


async def test_patience_ends_with_the_resolver_too() -> None:
    async def never(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return ()

    fetcher = ImageFetcher(lookup=never, seconds=0.02)
    with pytest.raises(BadRequest, match=r"within 0\.02 s"):
        await fetcher.fetch([("data", f"http://{HOST}/")], ImageUrls(allow=(HOST,)), LIMIT)


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(CHUNKED + chunk(PICTURE) + chunk(b""), id="chunked"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + PICTURE, id="until the end"),
        pytest.param(answer(gzip.compress(PICTURE), "Content-Encoding: gzip"), id="gzip, unasked"),
        pytest.param(answer(zlib.compress(PICTURE), "Content-Encoding: deflate"), id="deflate, unasked"),
    ],
)
async def test_a_body_is_read_as_its_headers_say(start: Start, page: bytes) -> None:
    assert await (await start({"/": page})).fetch() == PICTURE


async def test_pictures_of_one_request_share_the_limit(start: Start) -> None:
    web = await start({"/": answer(b"x" * 600)})
    allowed = ImageUrls(allow=(f"{HOST}:{web.port}",))
    fetcher = ImageFetcher(loopback=True, lookup=web.names)
    url = f"http://{HOST}:{web.port}/"

    assert (await fetcher.fetch([("a", url)], allowed, LIMIT)).keys() == {"a"}
    with pytest.raises(BadRequest, match=f"^b: {HOST}: a picture of more than 400 bytes"):
        await fetcher.fetch([("a", url), ("b", url)], allowed, LIMIT)


async def test_an_unknown_name_is_told(start: Start) -> None:
    web = await start({}, names={})

    assert await web.refused() == f"data: {HOST}: the name has no address"


async def test_a_closed_port_is_told(start: Start) -> None:
    web = await start({}, names={HOST: [["127.0.0.9"]]})

    assert await web.refused() == f"data: {HOST}: cannot be connected to"


async def test_plain_http_is_no_https(start: Start) -> None:
    web = await start({"/": answer(PICTURE)})

    assert await web.refused(scheme="https") == f"data: {HOST}: no TLS connection can be made"


async def test_a_certificate_of_nobodys_is_refused(start: Start, tmp_path: Path) -> None:
    web = await start({"/": answer(PICTURE)}, tls=self_signed(tmp_path))

    assert await web.refused(scheme="https") == f"data: {HOST}: its certificate is not valid for it"
    assert not web.servers["127.0.0.1"].heads


def self_signed(folder: Path) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    pem = serialization.Encoding.PEM
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(plain + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
