"""A map in one file: what it says of itself, and its pictures."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from vmsd.host.tiles import WORLD, TileFile

PNG = b"\x89PNG\r\n\x1a\npicture"
SAID = {
    "name": "Vila Serena",
    "format": "png",
    "bounds": "-46.7,-23.6,-46.6,-23.5",
    "attribution": '&copy; <a href="https://example.org">Mapa <script>alert(1)</script></a>  livre',
}


def make(file: Path, said: dict[str, str] = SAID, tiles: tuple[tuple[int, int, int, bytes], ...] = ()) -> TileFile:
    with sqlite3.connect(file) as base:
        base.execute("CREATE TABLE metadata (name text, value text)")
        base.execute("CREATE TABLE tiles (zoom_level integer, tile_column integer, tile_row integer, tile_data blob)")
        base.executemany("INSERT INTO metadata VALUES (?, ?)", said.items())
        base.executemany("INSERT INTO tiles VALUES (?, ?, ?, ?)", tiles)
    base.close()
    return TileFile(file)


def test_rows_are_counted_from_the_north_as_in_addresses(tmp_path: Path) -> None:
    file = make(tmp_path / "map.mbtiles", tiles=((3, 2, 7, PNG), (4, 0, 0, b"\xff\xd8\xffjpeg")))
    assert file.tile(3, 2, 0) == ("image/png", PNG)
    assert file.tile(4, 0, 15) == ("image/jpeg", b"\xff\xd8\xffjpeg")
    for place in ((3, 2, 7), (3, 8, 0), (3, -1, 0), (99, 0, 0), (3, 2, 1 << 70)):
        assert file.tile(*place) is None


def test_what_it_says_of_itself_is_text_and_within_the_world(tmp_path: Path) -> None:
    facts = make(tmp_path / "a.mbtiles", tiles=((3, 2, 7, PNG), (9, 1, 1, PNG))).facts()
    assert facts is not None
    assert (facts.least_zoom, facts.most_zoom, facts.bounds) == (3, 9, (-46.7, -23.6, -46.6, -23.5))
    assert facts.attribution == "\N{COPYRIGHT SIGN} Mapa alert(1) livre"
    for bounds in ("", "1,2,3", "a,b,c,d", "10,0,5,1", "nan,nan,nan,nan", "0,0,999,1"):
        other = make(tmp_path / f"{bounds}.mbtiles", SAID | {"bounds": bounds}, ((3, 2, 7, PNG),)).facts()
        assert other is not None
        assert other.bounds == WORLD
    zoomed = make(tmp_path / "z.mbtiles", SAID | {"minzoom": "5", "maxzoom": "80"}, ((3, 2, 7, PNG),)).facts()
    assert zoomed is not None
    assert (zoomed.least_zoom, zoomed.most_zoom) == (5, 24)


def test_what_is_no_map_of_pictures_is_none(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("nothing of the kind")
    sqlite3.connect(tmp_path / "empty").close()
    broken = [TileFile(tmp_path / name) for name in ("none", "text", "empty")]
    vector = make(tmp_path / "v.mbtiles", SAID | {"format": "pbf"}, ((3, 2, 7, b"\x1f\x8b"),))
    without = make(tmp_path / "w.mbtiles")
    for file in (*broken, vector, without):
        assert file.facts() is None
        assert file.tile(3, 2, 0) is None


def test_a_map_on_a_medium_that_cannot_be_written_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "medium"
    folder.mkdir()
    file = make(folder / "map #1 100%.mbtiles", tiles=((3, 2, 7, PNG),))
    folder.chmod(0o500)
    try:
        assert file.tile(3, 2, 0) == ("image/png", PNG)
        assert [path.name for path in folder.iterdir()] == ["map #1 100%.mbtiles"]
    finally:
        folder.chmod(0o700)


@pytest.mark.parametrize("data", ["text", None, b"", b"<svg>", b"\x89PNG\r\n\x1a\n" + bytes(3 << 20)])
def test_a_tile_that_is_no_picture_of_sane_size_is_none(tmp_path: Path, data: bytes) -> None:
    assert make(tmp_path / "map.mbtiles", tiles=((3, 2, 7, data),)).tile(3, 2, 0) is None
