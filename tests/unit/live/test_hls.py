"""The proxy between real sockets: an origin with MediaMTX's CDN rules behind it, viewers before it."""

import asyncio
import datetime as dt
import ipaddress
import logging
import socket
import ssl
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from vmsd.errors import MediaServerAway, NotFound

PATH = "city/camera"


async def get(viewer, site, file, **options):
    async with viewer.get(site.address(file), **options) as answer:
        return answer.status, await answer.read()


async def read_along(viewer, site):
    """What a player does: index, media playlist, init, newest segment."""
    assert (await get(viewer, site, "index.m3u8"))[0] == 200
    status, text = await get(viewer, site, "video1_stream.m3u8")
    if status != 200:
        return status, b""
    return await get(viewer, site, text.decode().split()[-1])


def errors_of(caplog):
    return [record for record in caplog.records if record.levelno >= logging.WARNING]


# What a viewer gets


async def test_a_player_reads_index_playlist_and_segment(site, viewer):
    status, body = await read_along(viewer, site)
    assert status == 200
    assert body == site.origin.bytes_of(site.origin.segment(4))


@pytest.mark.parametrize("size", [0, 1, 1000, 65_536, 65_537, 1_000_000, 5_000_003])
async def test_every_size_arrives_whole(site, viewer, size):
    site.origin.segment_bytes = size
    for _ in range(2):
        assert (await read_along(viewer, site))[1] == site.origin.bytes_of(site.origin.segment(4))


async def test_headers_say_what_may_be_kept(site, viewer):
    async with viewer.get(site.address("index.m3u8")) as answer:
        assert answer.headers["Content-Type"] == "application/vnd.apple.mpegurl"
        assert answer.headers["Cache-Control"] == "no-store"
    async with viewer.get(site.address(site.origin.segment(4))) as answer:
        assert answer.headers["Content-Type"] == "video/mp4"
        assert answer.headers["Cache-Control"] == "private, max-age=3600, immutable"
        assert answer.headers["Content-Length"] == str(site.origin.segment_bytes)


@pytest.mark.parametrize("size", [1000, 300_000])
async def test_head_has_the_headers_of_get_and_no_body(site, viewer, size):
    site.origin.segment_bytes = size
    async with viewer.head(site.address(site.origin.segment(4))) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Length"] == str(size)
        assert await answer.read() == b""
    async with viewer.head(site.address("index.m3u8")) as answer:
        assert answer.status == 200
    assert (await read_along(viewer, site))[0] == 200


@pytest.mark.parametrize("size", [1000, 300_000])
@pytest.mark.parametrize(
    ("asked", "first", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-99", 10, 100),
        ("bytes=900-", 900, None),
        ("bytes=-5", -5, None),
        ("bytes=-999999999", 0, None),
        ("bytes=0-999999999", 0, None),
    ],
)
async def test_a_range_gives_that_part(site, viewer, size, asked, first, stop):
    site.origin.segment_bytes = size
    whole = site.origin.bytes_of(site.origin.segment(4))
    async with viewer.get(site.address(site.origin.segment(4)), headers={"Range": asked}) as answer:
        body = await answer.read()
        assert answer.status == 206
        assert body == whole[first:stop]
        first %= size
        assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(body) - 1}/{size}"


@pytest.mark.parametrize(
    "asked",
    ["bytes=300000-", "bytes=5-4", "bytes=-0", "bytes=-", "bytes=a-b", "lines=1-2", "bytes=0-1,4-5", ""],
)
async def test_a_range_outside_or_unreadable_is_416(site, viewer, asked):
    async with viewer.get(site.address(site.origin.segment(4)), headers={"Range": asked}) as answer:
        assert answer.status == 416
        assert answer.headers["Content-Range"] == "bytes */300000"


async def test_a_token_is_put_behind_every_uri_and_nobody_else_gets_it(sites, viewer):
    site = await sites(tokens={"token": "of this viewer"})
    _, text = await get(viewer, site, "video1_stream.m3u8")
    assert text.count(b"?token=of+this+viewer") == 6
    assert b"token" not in (await site.proxy.fetch(PATH, "video1_stream.m3u8")).body.read()


@pytest.mark.parametrize(
    "file",
    [
        "..%2f..%2fetc%2fpasswd",
        "..%2findex.m3u8",
        "%2e%2e/%2e%2e/index.m3u8",
        "..\\index.m3u8",
        "index.m3u8%00",
        "index.m3u8%0d%0aX-Evil:%201",
        "hls.min.js",
        "",
    ],
)
async def test_no_name_leads_out_of_the_path(site, file):
    reader, writer = await asyncio.open_connection("127.0.0.1", int(site.url.rpartition(":")[2]))
    writer.write(f"GET /hls/{file} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert (await reader.read()).startswith(b"HTTP/1.1 404")
    writer.close()
    assert not site.origin.asked


# What reaches the origin


async def test_two_hundred_viewers_cost_one_request_per_segment(sites, viewer):
    site = await sites(requests_per_viewer=200)
    await get(viewer, site, "index.m3u8")
    for number in range(5):
        file = site.origin.segment(number)
        answers = await asyncio.gather(*(get(viewer, site, file) for _ in range(200)))
        assert {status for status, _ in answers} == {200}
        assert {len(body) for _, body in answers} == {site.origin.segment_bytes}
        assert site.origin.asked[file] == 1
    assert site.proxy.stats().in_flight == 0


async def test_nothing_of_a_viewer_goes_upstream(site, viewer):
    headers = {
        "Authorization": "Bearer viewer",
        "Cookie": "session=viewer",
        "X-Viewer": "v",
        "Range": "bytes=0-9",
    }
    async with viewer.get(site.address("index.m3u8?_HLS_msn=4&session=1&token=t"), headers=headers) as answer:
        assert answer.status == 200
    [request] = site.origin.requests
    assert request.query_string == ""
    assert request.headers["Authorization"] == "Bearer " + "s" * 32
    assert not {"Cookie", "X-Viewer", "Range"} & set(request.headers)


async def test_a_playlist_is_kept_half_a_segment_and_an_index_two_seconds(site, viewer):
    site.origin.segment_s = 1.0
    await read_along(viewer, site)
    site.clock.now_s += 0.49
    await read_along(viewer, site)
    assert site.origin.asked["video1_stream.m3u8"] == 1
    site.clock.now_s += 0.02
    await read_along(viewer, site)
    assert site.origin.asked["video1_stream.m3u8"] == 2
    assert site.origin.asked["index.m3u8"] == 1
    site.clock.now_s += 2
    await read_along(viewer, site)
    assert site.origin.asked["index.m3u8"] == 2
    assert site.origin.asked[site.origin.segment(4)] == 1


async def test_a_segment_that_has_left_the_window_is_still_there_for_the_slow(site, viewer):
    await read_along(viewer, site)
    old = site.origin.segment(4)
    site.origin.newest = 20
    assert (await get(viewer, site, old))[0] == 200
    assert (await get(viewer, site, site.origin.segment(3)))[0] == 404


async def test_a_missing_segment_makes_the_next_playlist_a_new_one(site, viewer):
    await read_along(viewer, site)
    site.origin.newest = 20
    assert (await get(viewer, site, site.origin.segment(3)))[0] == 404
    assert (await read_along(viewer, site))[1] == site.origin.bytes_of(site.origin.segment(20))


# What goes wrong behind the proxy


async def test_a_restart_with_a_new_prefix_recovers_by_itself(site, viewer):
    await read_along(viewer, site)
    old = site.origin.segment(3)
    site.origin.restart()
    assert (await get(viewer, site, old))[0] == 404
    assert site.origin.asked["index.m3u8"] == 2
    status, body = await read_along(viewer, site)
    assert (status, body) == (200, site.origin.bytes_of(site.origin.segment(4)))


async def test_a_child_asked_first_opens_the_session_by_itself(site, viewer):
    assert (await get(viewer, site, "video1_stream.m3u8"))[0] == 200
    assert site.origin.asked == {"video1_stream.m3u8": 2, "index.m3u8": 1}


async def test_a_session_refused_twice_is_a_camera_without_signal(site, viewer):
    site.origin.status["video1_stream.m3u8"] = 401
    assert (await get(viewer, site, "video1_stream.m3u8"))[0] == 404
    assert site.origin.asked == {"video1_stream.m3u8": 2, "index.m3u8": 1}


async def test_a_camera_without_signal_is_404_and_no_error(site, viewer, caplog):
    await read_along(viewer, site)
    site.clock.now_s += 60
    site.origin.online = False
    assert (await get(viewer, site, "index.m3u8"))[0] == 404
    assert (await get(viewer, site, "video1_stream.m3u8"))[0] == 404
    site.origin.online = True
    assert (await read_along(viewer, site))[0] == 200
    assert not errors_of(caplog)


@pytest.mark.parametrize(("status", "seen"), [(404, 404), (500, 404), (302, 503), (401, 503), (502, 503), (204, 503)])
async def test_each_answer_of_the_origin_has_its_meaning(site, viewer, status, seen):
    site.origin.status["index.m3u8"] = status
    assert (await get(viewer, site, "index.m3u8"))[0] == seen
    site.origin.status.clear()
    assert (await get(viewer, site, "index.m3u8"))[0] == 200


async def test_no_media_server_is_503(site, viewer):
    site.proxy._origin_url = f"http://127.0.0.1:{unused_port()}"
    assert (await get(viewer, site, "index.m3u8"))[0] == 503


def unused_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def test_a_media_server_that_hangs_is_503_in_time(sites, viewer):
    site = await sites(upstream_s=0.1, first_playlist_s=0.4)
    await read_along(viewer, site)
    site.origin.hold = asyncio.Event()
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert (await get(viewer, site, site.origin.segment(3)))[0] == 503
    assert 0.1 <= loop.time() - began < 0.35
    site.clock.now_s += 100
    site.proxy._cache.drop_playlists(PATH)
    began = loop.time()
    assert (await get(viewer, site, "index.m3u8"))[0] == 503
    assert 0.4 <= loop.time() - began < 2
    site.origin.hold.set()


async def test_what_is_no_playlist_is_503(site, viewer):
    site.origin.index = lambda: "<html>hello</html>"
    assert (await get(viewer, site, "index.m3u8"))[0] == 503


async def test_an_origin_that_dies_in_mid_body_hurts_nobody_for_long(sites, viewer):
    site = await sites(requests_per_viewer=50)
    await get(viewer, site, "index.m3u8")
    site.origin.dies_after = 100_000
    file = site.origin.segment(4)
    answers = await asyncio.gather(*(get(viewer, site, file) for _ in range(20)))
    assert {status for status, _ in answers} == {503}
    held = site.proxy.stats().held_bytes
    site.origin.dies_after = None
    assert (await get(viewer, site, file)) == (200, site.origin.bytes_of(file))
    assert held < 10_000
    assert site.proxy.stats().in_flight == 0


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_huge_body_is_refused_in_bounded_memory(sites, viewer, chunked):
    site = await sites(object_bytes=2_000_000)
    await get(viewer, site, "index.m3u8")
    most = 0

    def look():
        nonlocal most
        most = max(most, site.proxy.stats().held_bytes)

    site.origin.segment_bytes, site.origin.chunked, site.origin.on_chunk = 50_000_000, chunked, look
    assert (await get(viewer, site, site.origin.segment(4)))[0] == 503
    assert most <= 2_010_000
    await site.settled(lambda: site.proxy.stats().held_bytes < 10_000)


async def test_a_huge_playlist_is_refused(sites, viewer):
    site = await sites(playlist_bytes=10_000)
    site.origin.index = lambda: "#EXTM3U\n" + "#\n" * 10_000
    assert (await get(viewer, site, "index.m3u8"))[0] == 503


async def test_bytes_held_stay_under_the_limit(sites, viewer):
    site = await sites(cache_bytes=1_000_000)
    for newest in range(4, 40):
        site.origin.newest = newest
        site.clock.now_s += 2
        assert (await read_along(viewer, site))[0] == 200
        assert site.proxy.stats().held_bytes <= 1_000_000
    assert site.proxy.stats().held_bytes > 500_000


# What goes wrong before the proxy


async def test_when_the_first_viewer_leaves_the_others_still_get_the_segment(sites, viewer):
    site = await sites()
    await get(viewer, site, "index.m3u8")
    site.origin.hold = asyncio.Event()
    file = site.origin.segment(4)
    first = asyncio.create_task(get(viewer, site, file))
    await site.settled(lambda: site.origin.asked[file] == 1)
    others = [asyncio.create_task(get(viewer, site, file)) for _ in range(10)]
    await site.settled(lambda: site.proxy.stats().in_flight == 11)
    first.cancel()
    await site.settled(lambda: site.proxy.stats().in_flight == 10)
    await site.settled(lambda: site.origin.asked[file] == 2)
    site.origin.hold.set()
    assert await asyncio.gather(*others) == [(200, site.origin.bytes_of(file))] * 10


async def test_viewers_who_leave_while_waiting_leave_nothing_behind(site, viewer, caplog):
    await get(viewer, site, "index.m3u8")
    site.origin.hold = asyncio.Event()
    file = site.origin.segment(4)
    tasks = [asyncio.create_task(get(viewer, site, file)) for _ in range(20)]
    await site.settled(lambda: site.proxy.stats().in_flight == 20)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await site.settled(lambda: site.proxy.stats().in_flight == 0)
    assert not site.proxy._cache._pending
    assert not site.proxy._viewers.size
    site.origin.hold.set()
    assert (await get(viewer, site, file))[0] == 200
    assert not errors_of(caplog)


async def connect_slowly(site, file):
    """A viewer with a tiny window who asks and then reads nothing."""
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(slow, ("127.0.0.1", int(site.url.rpartition(":")[2])))
    await loop.sock_sendall(slow, f"GET /hls/{file} HTTP/1.1\r\nHost: x\r\nX-Viewer: slow\r\n\r\n".encode())
    return slow


async def read_to_the_end(connection):
    while await asyncio.get_running_loop().sock_recv(connection, 1 << 20):
        pass


async def test_a_slow_viewer_is_dropped_while_the_others_finish(sites, viewer, caplog):
    site = await sites(slow_grace_s=0.3, slow_bytes_per_s=1_000_000_000)
    site.origin.segment_bytes = 20_000_000
    await get(viewer, site, "index.m3u8")
    file = site.origin.segment(4)
    await get(viewer, site, file)
    slow = await connect_slowly(site, file)
    await site.settled(lambda: site.proxy.stats().in_flight == 1)
    status, body = await get(viewer, site, file)
    assert (status, len(body)) == (200, 20_000_000)
    await site.settled(lambda: site.proxy.stats().in_flight == 0)
    async with asyncio.timeout(5):
        with pytest.raises(ConnectionResetError):
            await read_to_the_end(slow)
    slow.close()
    assert not errors_of(caplog)


async def test_slow_viewers_cost_no_copies_of_the_body(sites, viewer):
    site = await sites(requests_per_viewer=50)
    site.origin.segment_bytes = 20_000_000
    await get(viewer, site, "index.m3u8")
    file = site.origin.segment(4)
    await get(viewer, site, file)
    before = resident_bytes()
    slow = [await connect_slowly(site, file) for _ in range(20)]
    await site.settled(lambda: site.proxy.stats().in_flight == 20)
    assert resident_bytes() - before < 20_000_000
    for each in slow:
        each.close()
    await site.settled(lambda: site.proxy.stats().in_flight == 0)


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def test_a_viewer_who_leaves_in_mid_body_is_no_error(site, viewer, caplog):
    site.origin.segment_bytes = 20_000_000
    await get(viewer, site, "index.m3u8")
    for _ in range(5):
        async with viewer.get(site.address(site.origin.segment(4))) as answer:
            await answer.content.readexactly(100_000)
            answer.close()
    await site.settled(lambda: site.proxy.stats().in_flight == 0)
    assert (await read_along(viewer, site))[0] == 200
    assert not errors_of(caplog)


async def test_one_viewer_has_a_limit_that_others_do_not_feel(sites, viewer):
    site = await sites(requests_per_viewer=3)
    await get(viewer, site, "index.m3u8")
    site.origin.hold = asyncio.Event()
    waiting = [
        asyncio.create_task(get(viewer, site, site.origin.segment(4), headers={"X-Viewer": "greedy"})) for _ in range(3)
    ]
    await site.settled(lambda: site.proxy.stats().in_flight == 3)
    assert (await get(viewer, site, "index.m3u8", headers={"X-Viewer": "greedy"}))[0] == 429
    assert (await get(viewer, site, "index.m3u8", headers={"X-Viewer": "modest"}))[0] == 200
    site.origin.hold.set()
    assert [status for status, _ in await asyncio.gather(*waiting)] == [200, 200, 200]
    assert (await get(viewer, site, "index.m3u8", headers={"X-Viewer": "greedy"}))[0] == 200


async def test_all_viewers_together_have_a_limit(sites, viewer):
    site = await sites(requests=5)
    await get(viewer, site, "index.m3u8")
    site.origin.hold = asyncio.Event()
    waiting = [
        asyncio.create_task(get(viewer, site, site.origin.segment(4), headers={"X-Viewer": str(number)}))
        for number in range(5)
    ]
    await site.settled(lambda: site.proxy.stats().in_flight == 5)
    assert (await get(viewer, site, "index.m3u8", headers={"X-Viewer": "late"}))[0] == 429
    site.origin.hold.set()
    assert [status for status, _ in await asyncio.gather(*waiting)] == [200] * 5
    assert (await get(viewer, site, "index.m3u8", headers={"X-Viewer": "late"}))[0] == 200


# TLS, where the kernel cannot send by itself


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "box")])
    now = dt.datetime.now(dt.UTC)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(alternative, critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "box.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return file


async def test_over_tls_the_same_bytes_arrive(sites, certificate):
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate)
    site = await sites(ssl_context=server)
    site.origin.segment_bytes = 3_000_001
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=certificate))
    async with aiohttp.ClientSession(connector=connector) as viewer:
        assert (await read_along(viewer, site))[1] == site.origin.bytes_of(site.origin.segment(4))
        async with viewer.get(site.address(site.origin.segment(4)), headers={"Range": "bytes=7-2000000"}) as part:
            assert await part.read() == site.origin.bytes_of(site.origin.segment(4))[7:2_000_001]


# What the stills use


async def test_the_newest_segment_comes_with_its_init_and_costs_viewers_nothing(site, viewer):
    newest = await site.proxy.newest(PATH)
    assert newest.file == site.origin.segment(4)
    assert newest.segment == site.origin.bytes_of(newest.file)
    assert newest.init.startswith(b"init of")
    await read_along(viewer, site)
    assert site.origin.asked[newest.file] == 1


async def test_the_newest_segment_of_a_camera_without_signal_is_not_found(site):
    site.origin.online = False
    with pytest.raises(NotFound):
        await site.proxy.newest(PATH)
    site.proxy._origin_url = f"http://127.0.0.1:{unused_port()}"
    with pytest.raises(MediaServerAway):
        await site.proxy.newest(PATH)


async def test_the_statistics_count_what_happened(site, viewer):
    await read_along(viewer, site)
    await read_along(viewer, site)
    stats = site.proxy.stats()
    assert stats.upstream_requests == sum(site.origin.asked.values()) == 3
    assert (stats.hits, stats.misses, stats.in_flight) == (3, 3, 0)
    assert site.origin.segment_bytes < stats.held_bytes < site.origin.segment_bytes + 5000
