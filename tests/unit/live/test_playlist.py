"""Names and playlists as MediaMTX 1.20 writes them."""

import pytest

from vmsd.errors import MediaServerAway, NotFound
from vmsd.live.playlist import Kind, kind_of, parse

INDEX = b"""#EXTM3U
#EXT-X-VERSION:9
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE="AUDIO",GROUP-ID="audio",NAME="audio2",AUTOSELECT=YES,DEFAULT=YES,URI="audio2_stream.m3u8"

#EXT-X-STREAM-INF:BANDWIDTH=1256,CODECS="avc1.42c028,mp4a.40.2",RESOLUTION=1920x1080,AUDIO="audio"
video1_stream.m3u8
"""
MEDIA = b"""#EXTM3U
#EXT-X-VERSION:9
#EXT-X-TARGETDURATION:4
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-MAP:URI="0123456789ab_video1_init.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-11-21T10:00:00.000Z
#EXTINF:4.00000,
0123456789ab_video1_seg7.mp4
#EXTINF:1.50000,
0123456789ab_video1_seg8.mp4
"""


@pytest.mark.parametrize(
    ("file", "kind"),
    [
        ("index.m3u8", Kind.INDEX),
        ("video1_stream.m3u8", Kind.MEDIA),
        ("main_stream.m3u8", Kind.MEDIA),
        ("0123456789ab_video1_init.mp4", Kind.INIT),
        ("0123456789ab_audio2_seg12.mp4", Kind.SEGMENT),
        ("0123456789ab_video1_part3.mp4", Kind.SEGMENT),
        ("0123456789ab_main_seg0.ts", Kind.SEGMENT),
    ],
)
def test_the_names_of_mediamtx_are_known(file, kind):
    assert kind_of(file) is kind


@pytest.mark.parametrize(
    "file",
    [
        "",
        "..",
        "../index.m3u8",
        "a/index.m3u8",
        "index.m3u8/",
        "index.m3u8\n",
        "index.m3u8?session=1",
        "%2e%2e%2findex.m3u8",
        "hls.min.js",
        "video1_stream.m3u8.bak",
        "0123456789ab_video1_seg٣.mp4",
        "0123456789ab_video1_seg1.mp",
        "_video1_seg1.mp4",
        "0123456789ab_..video1_seg1.mp4",
        "0" * 5000 + "_video1_seg1.mp4",
    ],
)
def test_every_other_name_is_no_file(file):
    with pytest.raises(NotFound):
        kind_of(file)


def test_without_a_query_a_playlist_stays_as_it_is():
    assert parse(INDEX).render({}) == INDEX
    assert parse(MEDIA).render({}) == MEDIA


def test_a_query_goes_behind_every_uri_of_an_index():
    text = parse(INDEX).render({"token": "a b&c"})
    assert b'URI="audio2_stream.m3u8?token=a+b%26c"\n' in text
    assert b"\nvideo1_stream.m3u8?token=a+b%26c\n" in text
    assert text.count(b"?token=") == 2


def test_a_query_goes_behind_every_uri_of_a_media_playlist():
    text = parse(MEDIA).render({"token": "t"})
    assert b'#EXT-X-MAP:URI="0123456789ab_video1_init.mp4?token=t"\n' in text
    assert text.endswith(b"\n0123456789ab_video1_seg8.mp4?token=t\n")
    assert text.count(b"?token=t") == 3


def test_windows_line_ends_survive():
    text = MEDIA.replace(b"\n", b"\r\n")
    assert parse(text).render({}) == text
    assert b"seg8.mp4?a=b\r\n" in parse(text).render({"a": "b"})


def test_a_query_of_the_origin_never_reaches_a_viewer():
    text = MEDIA.replace(b".mp4", b".mp4?session=secret")
    assert b"secret" not in parse(text).render({})
    assert parse(text).newest == ("0123456789ab_video1_init.mp4", "0123456789ab_video1_seg8.mp4")


def test_a_token_is_never_handed_to_a_foreign_address():
    text = MEDIA + b"#EXTINF:2,\nhttps://elsewhere.example/seg9.mp4\n"
    assert b"seg9.mp4?" not in parse(text).render({"token": "t"})


def test_the_newest_segment_is_the_last_one_with_its_init():
    playlist = parse(MEDIA)
    assert playlist.newest == ("0123456789ab_video1_init.mp4", "0123456789ab_video1_seg8.mp4")
    assert playlist.last_segment_s == 1.5


def test_the_newest_segment_has_the_last_date_or_none():
    dated = MEDIA.replace(b"#EXTINF:1.5", b"#EXT-X-PROGRAM-DATE-TIME:2026-11-21T10:00:04.250Z\n#EXTINF:1.5")
    assert parse(dated).newest_ms == 1_795_255_204_250
    assert parse(MEDIA.replace(b"2026-11-21T10:00:00.000Z", b"yesterday")).newest_ms is None
    assert parse(INDEX).newest_ms is None


def test_the_picture_of_an_index_is_found_and_sound_alone_has_none():
    assert parse(INDEX).video == "video1_stream.m3u8"
    with pytest.raises(NotFound):
        _ = parse(b"#EXTM3U\naudio1_stream.m3u8\n").video
    with pytest.raises(NotFound):
        _ = parse(b"#EXTM3U\n").newest


@pytest.mark.parametrize("body", [b"", b"<html>", b"\x00" * 100])
def test_what_is_no_playlist_is_an_error_of_the_media_server(body):
    with pytest.raises(MediaServerAway):
        parse(body)
