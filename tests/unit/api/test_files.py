"""One file over real sockets: whole, in parts, resumed, cut off, and to readers who leave."""

import asyncio
import datetime as dt
import os
import socket
import ssl
from pathlib import Path

import aiohttp
import psutil
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec

from tests.support.processes import until
from vmsd.api import files
from vmsd.api.files import serve_file
from vmsd.host.certificate import make_certificate, pem_of_key, subject_of

SIZE = 3_000_017
TAG = '"abc"'


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(os.urandom(SIZE))
    return path


@pytest.fixture(params=["plain", "tls"])
async def served(request, file, tmp_path):
    """GET and HEAD of `file`, with and without TLS; yields the address and what a client needs to trust it."""
    server_side, client_side = (None, None) if request.param == "plain" else _tls(tmp_path)

    async def handler(asked):
        options = {"content_type": "video/mp4", "name": 'Portão "1".mp4', "etag": TAG}
        try:
            return await serve_file(asked, Path(asked.query.get("path", file)), **options)
        except files.NotFound:
            return web.Response(status=404)

    app = web.Application()
    app.router.add_get("/", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_side).start()
    scheme = "https" if server_side else "http"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=client_side or False)) as client:
        yield client, f"{scheme}://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


def _tls(folder):
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = folder / "box.pem"
    now_ms = round(dt.datetime.now(dt.UTC).timestamp() * 1000)
    certificate.write_bytes(pem_of_key(key) + make_certificate(key, subject_of("box", [], [], []), now_ms))
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_side.load_cert_chain(certificate)
    client_side = ssl.create_default_context(cafile=certificate)
    client_side.check_hostname = False
    return server_side, client_side


async def get(served, **headers):
    client, url = served
    async with client.get(url, headers={name.replace("_", "-"): value for name, value in headers.items()}) as answer:
        return answer.status, answer.headers, await answer.read()


async def test_the_whole_file_arrives_with_its_name(served, file):
    status, headers, body = await get(served)
    assert (status, body) == (200, file.read_bytes())
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["ETag"] == TAG
    assert headers["Cache-Control"] == "private, no-store"
    assert "filename*=UTF-8''Port%C3%A3o%20%221%22.mp4" in headers["Content-Disposition"]


async def test_head_has_the_length_and_no_body(served):
    client, url = served
    async with client.head(url, headers={"Range": "bytes=0-9"}) as answer:
        assert (answer.status, answer.headers["Content-Length"]) == (200, str(SIZE))
        assert await answer.read() == b""


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-", 10, SIZE),
        ("bytes=-17", SIZE - 17, SIZE),
        (f"bytes=-{SIZE * 9}", 0, SIZE),
        (f"bytes={SIZE - 1}-{SIZE * 9}", SIZE - 1, SIZE),
        ("bytes=1048575-2097153", 1048575, 2097154),
    ],
)
async def test_one_range_is_answered_with_exactly_its_bytes(served, file, asked, start, stop):
    status, headers, body = await get(served, Range=asked)
    assert (status, body) == (206, file.read_bytes()[start:stop])
    assert headers["Content-Range"] == f"bytes {start}-{stop - 1}/{SIZE}"


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", "bytes=-0"])
async def test_a_range_beyond_the_end_is_416(served, asked):
    status, headers, body = await get(served, Range=asked)
    assert (status, headers["Content-Range"], body) == (416, f"bytes */{SIZE}", b"")


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "bytes=5-2", "bytes=-", "lines=1-2", "bytes=a-b", "bytes=1 -2"])
async def test_a_range_that_cannot_be_met_counts_for_nothing(served, asked):
    assert (await get(served, Range=asked))[0] == 200


async def test_a_resumed_download_gets_a_part_only_of_the_same_file(served):
    assert (await get(served, Range="bytes=5-", If_Range=TAG))[0] == 206
    assert (await get(served, Range="bytes=5-", If_Range='"other"'))[0] == 200
    assert (await get(served, Range="bytes=5-", If_Range=f"W/{TAG}"))[0] == 200
    assert (await get(served, If_None_Match=TAG))[0] == 304


@pytest.mark.parametrize("served", ["plain"], indirect=True)
async def test_what_is_no_regular_file_is_not_found(served, tmp_path, file):
    client, url = served
    (tmp_path / "link").symlink_to(file)
    os.mkfifo(tmp_path / "fifo")
    handles = psutil.Process().num_fds()
    for name in ("link", "fifo", "missing", "."):
        async with client.get(url, params={"path": str(tmp_path / name)}) as answer:
            assert answer.status == 404, name
    assert psutil.Process().num_fds() <= handles + 2  # the connection, from both ends


async def test_a_file_that_shrinks_on_its_way_ends_the_connection(served, file, monkeypatch):
    read = files.FileSource.__init__

    def shrinking(self, given, size=None):
        read(self, given, size)
        os.truncate(file, files.PIECE_BYTES + 5)

    monkeypatch.setattr(files.FileSource, "__init__", shrinking)
    with pytest.raises(aiohttp.ClientError):
        await get(served)


@pytest.mark.parametrize("served", ["plain"], indirect=True)
async def test_a_huge_file_costs_no_memory_and_a_reader_who_leaves_no_handle(served, tmp_path):
    _, url = served
    huge = tmp_path / "huge"
    with huge.open("wb") as sparse:
        sparse.truncate(400 << 20)
    process = psutil.Process()
    before, handles = process.memory_info().rss, process.num_fds()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.split(":")[2].rstrip("/")))
    writer.write(f"GET /?path={huge} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    await reader.readexactly(64 << 20)
    assert process.memory_info().rss - before < 24 << 20
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.close()

    async def closed():
        return process.num_fds() <= handles

    await until(closed, 5, "the handle is closed")
