"""How far behind live is, read from playlists as MediaMTX 1.20 writes them."""

import pytest

from vmsd.clock import parse_rfc3339
from vmsd.live.edge import newest_end_ms

BEGAN_MS = parse_rfc3339("2026-11-21T10:00:00.000Z")
HEAD = b"#EXTM3U\n#EXT-X-TARGETDURATION:4\n"
DATED = b"#EXT-X-PROGRAM-DATE-TIME:2026-11-21T10:00:00.000Z\n#EXTINF:4.00000,\nab_video1_seg7.mp4\n"


@pytest.mark.parametrize(
    ("body", "end_ms"),
    [
        (DATED, BEGAN_MS + 4000),
        (DATED + b"#EXTINF:1.50000,\nab_video1_seg8.mp4\n", BEGAN_MS + 5500),
        (DATED + DATED.replace(b"10:00:00", b"10:00:09").replace(b"4.0", b"2.0"), BEGAN_MS + 11_000),
        (DATED + b'#EXT-X-PART:DURATION=0.20000,URI="ab_video1_part9.mp4"\n', BEGAN_MS + 4000),
        (b"#EXTINF:4.00000,\nab_video1_seg7.mp4\n", None),
        (DATED.replace(b"2026-11-21T", b"yesterday "), None),
        (b"", None),
    ],
)
def test_the_newest_whole_segment_ends_where_the_playlist_says(body, end_ms):
    assert newest_end_ms(HEAD + body) == end_ms
