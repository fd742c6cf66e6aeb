"""Low-latency HLS: parts in the playlists, playlists and parts that are waited for, and gaps at the start."""

from __future__ import annotations

import io
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import av
import pytest

from tests.contract.contract_server import CDN, wait_for

if TYPE_CHECKING:
    from tests.contract.conftest import MakeServer
    from tests.contract.contract_camera import Camera
    from tests.contract.contract_server import Answer, Server

_NAME = "0b6e2f5c-city/7f8e9d0c-camera"
_PART = re.compile(
    r'^#EXT-X-PART:DURATION=(\d\.\d{5}),URI="([0-9a-f]{12}_video1_part\d+\.mp4)"(,INDEPENDENT=YES)?$', re.MULTILINE
)
_HINT = re.compile(r'^#EXT-X-PRELOAD-HINT:TYPE=PART,URI="([0-9a-f]{12}_video1_part(\d+)\.mp4)"$', re.MULTILINE)
_SEGMENT = re.compile(r"^[0-9a-f]{12}_video1_seg(\d+)\.mp4$", re.MULTILINE)
_QUICK = {"hlsVariant": "lowLatency", "hlsSegmentCount": 7, "hlsPartDuration": "200ms"}


def _started(start_server: MakeServer, camera: Camera) -> Server:
    server = start_server({_NAME: {"source": camera.url}}, **_QUICK)
    server.wait_available(_NAME)
    wait_for(lambda: server.hls(f"/{_NAME}/index.m3u8", CDN).status == 200, what="a playlist")
    return server


def _ask(server: Server, query: str = "") -> Answer:
    return server.hls(f"/{_NAME}/video1_stream.m3u8{'?' if query else ''}{query}", CDN)


def _sequence(text: str) -> int:
    (number,) = re.findall(r"SEQUENCE:(\d+)", text)
    return int(number)


def _next(text: str) -> int:
    """The number of the segment that is being made."""
    return _sequence(text) + text.count("#EXTINF:")


def test_gaps_stand_before_the_first_segment_which_is_the_seventh(start_server: MakeServer, camera: Camera) -> None:
    text = _ask(_started(start_server, camera)).text
    assert text.count("#EXT-X-GAP\n#EXTINF:1.00000,\ngap.mp4\n") == text.count("#EXT-X-GAP") > 0
    first = int(_SEGMENT.findall(text)[0])
    assert first == _sequence(text) + text.count("#EXT-X-GAP") == 7
    assert text.count("#EXTINF:") == 7
    assert text.index("#EXT-X-GAP") < text.index("_seg7.mp4")
    assert "gap.mp4" not in text[text.index("_seg7.mp4") :]


def test_a_playlist_promises_parts_and_names_those_of_the_end(start_server: MakeServer, camera: Camera) -> None:
    server = _started(start_server, camera)
    answer = wait_for(lambda: seen if "GAP" not in (seen := _ask(server)).text else None)
    assert answer.headers["cache-control"] == "no-cache"
    control, info = answer.text.splitlines()[3:5]
    assert control == "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=0.50000,CAN-SKIP-UNTIL=6.00000"
    assert info == "#EXT-X-PART-INF:PART-TARGET=0.20000"
    parts = _PART.findall(answer.text)
    assert {length for length, _, _ in parts} == {"0.20000"}
    assert 10 <= len(parts) <= 14
    assert sum(bool(independent) for _, _, independent in parts) in (2, 3)
    assert len(re.findall(r"^#EXT-X-PROGRAM-DATE-TIME:\S+Z$", answer.text, re.MULTILINE)) == 2
    assert answer.text.splitlines()[-1].startswith("#EXT-X-PRELOAD-HINT:")
    assert "RENDITION-REPORT" not in answer.text


def test_the_parts_of_a_segment_are_its_bytes(start_server: MakeServer, camera: Camera) -> None:
    server = _started(start_server, camera)
    text = _ask(server).text
    segment = re.findall(r"^([0-9a-f]{12}_video1_seg\d+\.mp4)$", text, re.MULTILINE)[-1]
    before = text[: text.index(f"{segment}\n")].rpartition("_seg")[2]
    (init,) = re.findall(r'#EXT-X-MAP:URI="([^"]+)"', text)
    whole = server.hls(f"/{_NAME}/{segment}", CDN).body
    answers = [server.hls(f"/{_NAME}/{part}", CDN) for _, part, _ in _PART.findall(before)]
    assert {answer.headers["cache-control"] for answer in answers} == {"public, max-age=3600"}
    assert b"".join(answer.body for answer in answers) == whole
    with av.open(io.BytesIO(server.hls(f"/{_NAME}/{init}", CDN).body + answers[0].body)) as container:
        assert next(container.decode(video=0)).key_frame


def test_a_part_that_is_announced_is_waited_for(start_server: MakeServer, camera: Camera) -> None:
    server = _started(start_server, camera)
    (hint, number), *_ = _HINT.findall(_ask(server).text)
    assert server.hls(f"/{_NAME}/{hint}", CDN).status == 200
    far = hint.replace(f"part{number}", f"part{int(number) + 50}")
    assert server.hls(f"/{_NAME}/{far}", CDN).status == 404


def test_a_playlist_is_waited_for_until_it_has_the_part(start_server: MakeServer, camera: Camera) -> None:
    server = _started(start_server, camera)
    number = _next(_ask(server).text)
    began_s = time.monotonic()
    text = _ask(server, f"_HLS_msn={number + 1}&_HLS_part=1").text
    assert 0.2 < time.monotonic() - began_s < 3
    assert _next(text) == number + 1
    assert len(_PART.findall(text.rpartition("_seg")[2])) >= 2
    again_s = time.monotonic()
    assert _ask(server, f"_HLS_msn={number}&_HLS_part=0").status == 200
    assert time.monotonic() - again_s < 0.15


def test_a_part_behind_the_last_of_a_segment_waits_for_the_next_one_whole(
    start_server: MakeServer, camera: Camera
) -> None:
    server = _started(start_server, camera)
    number = _next(_ask(server).text)
    text = _ask(server, f"_HLS_msn={number}&_HLS_part=9").text
    assert _next(text) == number + 2


def test_an_update_leaves_out_what_the_player_knows(start_server: MakeServer, camera: Camera) -> None:
    server = _started(start_server, camera)
    whole = wait_for(lambda: seen if "GAP" not in (seen := _ask(server).text) else "")
    update = _ask(server, f"_HLS_msn={_next(whole)}&_HLS_part=0&_HLS_skip=YES").text
    (skipped,) = re.findall(r"^#EXT-X-SKIP:SKIPPED-SEGMENTS=(\d)$", update, re.MULTILINE)
    assert update.count("#EXTINF:") == 7 - int(skipped)
    assert int(skipped) > 0
    assert "#EXT-X-MAP" not in update


@pytest.mark.parametrize("query", ["_HLS_msn=x", "_HLS_part=0", "_HLS_msn=0", "_HLS_msn=99999"])
def test_a_part_that_is_far_off_or_none_is_a_bad_request(start_server: MakeServer, camera: Camera, query: str) -> None:
    server = _started(start_server, camera)
    wait_for(lambda: "MEDIA-SEQUENCE:0" not in _ask(server).text)
    assert _ask(server, query).status == 400


def test_whoever_waits_learns_of_the_end(start_server: MakeServer, own_camera: Camera) -> None:
    server = _started(start_server, own_camera)
    number = _next(_ask(server).text)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(_ask, server, f"_HLS_msn={number + 1}&_HLS_part=1")
        own_camera.kill()
        assert waiting.result(20).status == 500
