"""Replay over HTTP: playlists whose bytes play, spoiled files, sound that is left out, and who may see it."""

import os
import re
import subprocess
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.unit.api.served import viewing_token
from tests.unit.video import mp4_fixture as mp4
from vmsd.clock import rfc3339
from vmsd.host.tree import Folder
from vmsd.model.person import Role, Verb
from vmsd.model.segment import Segment, SegmentFlag, SegmentState, segment_file_name
from vmsd.services import derived, recordings, replay
from vmsd.tasks.derivatives import Derivatives

START_MS = mp4.EPOCH_MS
FOREIGN = b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isomiso2" + bytes(5000)


@dataclass
class Entry:
    seconds: float
    first: int
    size: int
    uri: str

    @property
    def range(self):
        return f"bytes={self.first}-{self.first + self.size - 1}"


@dataclass
class Read:
    """A playlist as a player reads it."""

    entries: list[Entry] = field(default_factory=list)
    heads: list[tuple[str, int]] = field(default_factory=list)
    dates: list[str] = field(default_factory=list)
    gaps: int = 0
    offset: float = 0.0

    @property
    def seconds(self):
        return sum(entry.seconds for entry in self.entries)


def read(text):
    found, entry = Read(), None
    lines = text.decode().splitlines()
    assert lines[0] == "#EXTM3U"
    assert lines[-1] == "#EXT-X-ENDLIST"
    for line in lines:
        tag, _, value = line.partition(":")
        if tag == "#EXTINF":
            entry = Entry(float(value.rstrip(",")), 0, 0, "")
        elif tag == "#EXT-X-BYTERANGE":
            size, _, first = value.partition("@")
            entry.size, entry.first = int(size), int(first)
        elif tag == "#EXT-X-MAP":
            uri, size = re.fullmatch(r'URI="([^"]+)",BYTERANGE="(\d+)@0"', value).groups()
            found.heads.append((uri, int(size)))
        elif tag == "#EXT-X-PROGRAM-DATE-TIME":
            found.dates.append(value)
        elif tag == "#EXT-X-START":
            found.offset = float(re.search(r"TIME-OFFSET=([\d.]+)", value)[1])
        elif tag == "#EXT-X-DISCONTINUITY":
            found.gaps += 1
        elif not line.startswith("#"):
            entry.uri = line
            found.entries.append(entry)
    assert found.entries
    return found


class Archive:
    """A camera of the city and what it recorded."""

    def __init__(self, town, camera):
        self.town, self.camera = town, camera
        self.root = town.served.base.settings.recordings_dir
        self.folder = Folder(town.here.public_id, camera["id"])
        self.system = town.served.daemon._volume.system
        self.number = None

    async def put(self, at_s, data, seconds, *, running=False):
        """A file of these bytes, and the row the index has of it."""
        start_us = (START_MS + at_s * 1000) * 1000
        path = self.path(at_s)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        folders = await self.system.folders()
        city, camera = next(one.key for one in folders if one.camera == self.camera["id"])
        state = SegmentState.RUNNING if running else SegmentState.CLOSED
        row = Segment(city, camera, start_us, seconds * 1000, len(data), len(data), state, SegmentFlag(0))
        await self.system.put([row])
        return path

    def path(self, at_s):
        return self.root / self.folder.city / self.folder.camera / segment_file_name((START_MS + at_s * 1000) * 1000)

    def index(self, from_s, to_s, **query):
        said = {"start": at(from_s), "end": at(to_s)} | query
        return f"/replay/stream_{self.camera['id']}/index.m3u8?" + "&".join(f"{k}={v}" for k, v in said.items())

    async def playlist(self, from_s, to_s, who=None, status=200, **query):
        answer = await self.town.ask("GET", self.index(from_s, to_s, **query), who=who or self.town.gestor)
        assert answer.status == status, answer.raw
        return read(answer.raw) if status == 200 else answer.body

    async def played(self, found, who=None):
        """All bytes a player would read of the playlist, one file after another."""
        files, who = [], who or self.town.gestor
        heads = iter(found.heads)
        last = None
        for entry in found.entries:
            if entry.uri != last or entry.first < files[-1][1]:
                uri, size = next(heads)
                files.append([await self.get(uri, f"bytes=0-{size - 1}", who), 0])
            files[-1][0] += await self.get(entry.uri, entry.range, who)
            files[-1][1], last = entry.first + entry.size, entry.uri
        return [data for data, _ in files]

    async def get(self, uri, asked, who):
        answer = await self.town.ask("GET", f"/replay/stream_{self.camera['id']}/{uri}", who=who, Range=asked)
        assert answer.status == 206, answer.raw
        return answer.raw


def at(seconds):
    return rfc3339(START_MS + round(seconds * 1000))


def recorded(seconds, number=0, *, sound=False):
    """As the media server closes a file of `seconds`; one numbered `number` of its recorder."""
    found = mp4.recording(seconds, sound=sound, duration_ms=seconds * 1000, number=number)
    return bytearray(found.data)


def ffprobe(path: Path) -> str:
    command = ["ffprobe", "-v", "error", "-count_packets", "-show_entries", "stream=codec_type,nb_read_packets"]
    done = subprocess.run(
        [*command, "-of", "csv=p=0", str(path)], capture_output=True, text=True, timeout=30, check=True
    )
    assert not done.stderr
    return done.stdout.strip().rstrip(",")


@pytest.fixture
async def archive(town):
    town.served.close_breaker()
    camera = await town.served.camera(town.gestor, town.here)
    return Archive(town, camera)


async def test_the_playlist_of_a_period_names_the_bytes_of_every_file_once(archive, tmp_path):
    files = [recorded(20, 0), recorded(20, 1), recorded(12, 0)]
    await archive.put(0, files[0], 20)
    await archive.put(20, files[1], 20)
    await archive.put(50, files[2], 12)
    found = await archive.playlist(-5, 90)
    assert await archive.played(found) == [bytes(one) for one in files]
    assert found.seconds == pytest.approx(52)
    assert found.gaps == 2
    assert found.dates == [at(0), at(20), at(50)]
    whole = tmp_path / "whole.mp4"
    whole.write_bytes((await archive.played(found))[0])
    assert ffprobe(whole) == "video,200"


async def test_it_begins_with_the_keyframe_before_the_start_and_ends_behind_the_end(archive):
    await archive.put(0, recorded(40), 40)
    found = await archive.playlist(17.4, 25.5)
    assert found.dates == [at(17)]
    assert found.offset == pytest.approx(0.4)
    assert found.seconds == pytest.approx(9)
    (played,) = await archive.played(found)
    whole = mp4.recording(40, duration_ms=40_000)
    assert played == whole.head + b"".join(whole.parts[17:26])


async def test_files_that_follow_seamlessly_leave_no_time_between_them(archive):
    """By the name of its file the second begins a second late, by the recorder's own clock half a second."""
    await archive.put(0, recorded(20, 0), 20)
    clocked = mp4.recording(20, duration_ms=20_000, number=1).data.replace(mp4.mtxi(1), mp4.mtxi(1, 20_500_000_000))
    await archive.put(21, clocked, 20)
    await archive.put(42, recorded(20, 2), 20)
    found = await archive.playlist(0, 90)
    assert [sum(entry.seconds for entry in found.entries if entry.uri == uri) for uri, _ in found.heads] == [21, 20, 20]


@pytest.mark.parametrize(
    "query",
    ["start=0001-01-01T00:00:00%2B14:00&end=2999-01-01T00:00:00Z", f"start={at(0)}&end=9999-12-31T23:59:59.9999999Z"],
)
async def test_a_period_from_one_end_of_time_to_the_other_is_played(archive, query):
    await archive.put(0, recorded(20), 20)
    path = f"/replay/stream_{archive.camera['id']}/index.m3u8?{query}"
    assert (await archive.town.ask("GET", path, who=archive.town.gestor)).status == 200


async def test_what_takes_long_to_be_made_ready_is_asked_for_again(archive, monkeypatch):
    for number in range(2 * derived.BATCH):
        await archive.put(number * 20, recorded(10, number), 10)
    understand, read, goes_on = derived.Derived.understand, Counter(), threading.Event()

    def slow(self, folder, segment, stored):
        read[segment.start_us] += 1
        if len(read) > derived.BATCH:
            goes_on.wait(20)
        return understand(self, folder, segment, stored)

    monkeypatch.setattr(derived.Derived, "understand", slow)
    with monkeypatch.context() as hurried:
        hurried.setattr(replay, "PATIENCE_S", 2)
        await archive.playlist(0, 640, status=429)
    goes_on.set()
    assert (await archive.playlist(0, 640)).seconds == pytest.approx(320)
    assert [read[start] for start in sorted(read)[: derived.BATCH]] == [1] * derived.BATCH


async def test_much_of_the_work_for_a_long_period_holds_nobody_up(archive, monkeypatch):
    await archive.put(0, recorded(30), 30)
    await (await keeper(archive)).once()
    seal, read, threads = recordings.SegmentIds.seal, derived.read_sheet, set()

    def noted(work):
        def run(*given):
            threads.add(threading.current_thread())
            return work(*given)

        return run

    monkeypatch.setattr(recordings.SegmentIds, "seal", noted(seal))
    await archive.playlist(0, 30)
    monkeypatch.setattr(recordings.SegmentIds, "seal", seal)
    monkeypatch.setattr(derived, "read_sheet", noted(read))
    assert (await thumbnails(archive, 0, 30))["sheets"]
    assert threads
    assert threading.main_thread() not in threads


async def test_the_running_file_is_played_as_far_as_it_goes(archive):
    data = bytes(mp4.recording(30).data)
    path = await archive.put(0, data, 30, running=True)
    path.write_bytes(data[:-500])
    found = await archive.playlist(0, 60)
    assert found.seconds == pytest.approx(29)
    assert (await archive.played(found))[0] in data


async def test_a_period_without_recording_says_so(archive):
    await archive.put(0, recorded(10), 10)
    assert "no recording" in (await archive.playlist(100, 200, status=404))["detail"]


@pytest.mark.parametrize("spoil", ["empty", "foreign", "torn header", "purged", "flipped", "truncated", "zeros"])
async def test_a_spoiled_file_hides_no_good_minutes_and_is_never_a_500(archive, spoil):
    good = recorded(20)
    await archive.put(0, good, 20)
    path = await archive.put(20, recorded(20, 1), 20)
    await archive.put(40, recorded(20, 2), 20)
    data = bytearray(path.read_bytes())
    if spoil == "purged":
        path.unlink()
    elif spoil == "flipped":
        for place in range(3000, len(data), 997):
            data[place] ^= 0x5A
        path.write_bytes(data)
    else:
        kept = {"empty": b"", "foreign": FOREIGN, "torn header": data[:300], "truncated": data[:-70_000]}
        path.write_bytes(kept.get(spoil, bytes(len(data))))
    found = await archive.playlist(0, 60)
    played = await archive.played(found)
    assert played[0] == bytes(good)
    assert played[-1] == bytes(recorded(20, 2))
    assert found.seconds >= 40
    for suffix in (".mp4", ".video.mp4", ".jpg"):
        recordings = await archive.town.ask("GET", listing(archive), who=archive.town.gestor)
        for item in recordings.body["items"]:
            url = f"/replay/stream_{archive.camera['id']}/{item['id']}{suffix}"
            answer = await archive.town.ask("GET", url, who=archive.town.gestor)
            assert answer.status in (200, 404), (url, answer.status)


def listing(archive):
    return f"/api/v1/recordings?camera_id={archive.camera['id']}&start={at(-100)}&end={at(1000)}"


async def test_sound_that_browsers_cannot_play_is_left_out_on_the_way(archive, tmp_path):
    data = recorded(20, sound=True)
    path = await archive.put(0, data, 20)
    found = await archive.playlist(0, 20)
    assert all(entry.uri.endswith(".video.mp4") for entry in found.entries)
    (played,) = await archive.played(found)
    assert len(played) == len(data)
    assert path.read_bytes() == data
    silent = tmp_path / "silent.mp4"
    silent.write_bytes(played)
    assert ffprobe(silent) == "video,200"
    plain = await archive.get(found.entries[0].uri.replace(".video", ""), "bytes=0-", archive.town.gestor)
    assert plain == data


async def test_any_range_of_a_file_without_its_sound_is_the_same_bytes(archive):
    data = recorded(12, sound=True)
    await archive.put(0, data, 12)
    found = await archive.playlist(0, 12)
    uri, who = found.entries[0].uri, archive.town.gestor
    whole = await archive.get(uri, "bytes=0-", who)
    places = [match.start() for match in re.finditer(b"free", whole)]
    assert len(places) == 2 + 12
    for place in places:
        for first, last in ((place - 1, place + 1), (place + 2, place + 9), (place + 3, place + 3)):
            assert await archive.get(uri, f"bytes={first}-{last}", who) == whole[first : last + 1]


async def test_a_viewing_token_replays_its_own_camera_only_and_stands_behind_every_address(archive):
    town = archive.town
    await archive.put(0, recorded(20), 20)
    other = Archive(town, await town.served.camera(town.gestor, town.here, name="Fundos"))
    await other.put(0, recorded(20), 20)
    opened = await town.ask("POST", f"/api/v1/streams?camera_id={archive.camera['id']}", who=town.guard)
    token = viewing_token(opened.body)
    found = await archive.playlist(0, 20, who={"X": "nobody"}, token=token)
    assert {uri.partition("?")[2] for uri, _ in found.heads} == {f"token={token}"}
    assert (await archive.played(found, who={"X": "nobody"}))[0] == bytes(recorded(20))
    assert (await town.ask("GET", other.index(0, 20, token=token))).status == 404
    assert (await town.ask("GET", archive.index(0, 20, token="x" * 43))).status == 401


async def test_who_may_only_watch_live_replays_nothing_not_even_with_a_viewing_token(archive):
    town = archive.town
    await archive.put(0, recorded(20), 20)
    await town.served.person("porteiro", Role.USER, town.here, {0: frozenset({Verb.VIEW})})
    porter = await town.served.token("porteiro")
    opened = await town.ask("POST", f"/api/v1/streams?camera_id={archive.camera['id']}", who=porter)
    token = viewing_token(opened.body)
    for path in (archive.index(0, 20), f"/api/v1/cameras/{archive.camera['id']}/thumbnails?start={at(0)}&end={at(9)}"):
        assert (await town.ask("GET", path, who=porter)).status == 403
        assert (await town.ask("GET", f"{path}&token={token}")).status == 403


async def test_a_recording_is_found_under_its_own_camera_only(archive):
    town = archive.town
    await archive.put(0, recorded(20), 20)
    found = await archive.playlist(0, 20)
    other = await town.served.camera(town.gestor, town.here, name="Fundos")
    for camera, who in ((other["id"], town.gestor), (archive.camera["id"], town.other)):
        answer = await town.ask("GET", f"/replay/stream_{camera}/{found.entries[0].uri}", who=who)
        assert answer.status == 404


async def test_a_removed_camera_is_still_replayed(archive):
    town = archive.town
    await archive.put(0, recorded(20), 20)
    assert (await town.ask("DELETE", f"/api/v1/cameras/{archive.camera['id']}", who=town.gestor)).status == 204
    assert (await archive.playlist(0, 20)).seconds == pytest.approx(20)


async def test_each_viewing_is_written_down_once_with_its_period(archive):
    town = archive.town
    await archive.put(0, recorded(20), 20)
    for _ in range(2):
        await archive.played(await archive.playlist(0, 20, who=town.guard), who=town.guard)
    await archive.playlist(5, 10, who=town.guard)
    rows = (await town.ask("GET", "/api/v1/audit?action=view.replay", who=town.gestor)).body["items"]
    assert [(row["facts"]["start"], row["facts"]["end"]) for row in rows] == [(at(5), at(10)), (at(0), at(20))]


async def test_pictures_of_a_closed_recording_are_made_once_and_found_by_time(archive):
    town = archive.town
    await archive.put(0, recorded(60), 60)
    await archive.put(60, recorded(30, 1), 30)
    await archive.put(90, bytes(mp4.recording(10).data), 10, running=True)
    task = await keeper(archive)
    for _ in range(2):
        await task.once()
    answer = await thumbnails(archive, 0, 100, step=20)
    assert (answer["tile_width"], answer["tile_height"], answer["step"]) == (160, 120, 20)
    times = [tile["at"] for sheet in answer["sheets"] for tile in sheet["tiles"]]
    assert times == [at(one) for one in (0, 20, 40, 60, 80)]
    sheet = answer["sheets"][0]
    assert (sheet["columns"], sheet["rows"], sheet["width"], sheet["height"]) == (10, 1, 1600, 120)
    assert [(tile["x"], tile["y"]) for tile in sheet["tiles"]] == [(0, 0), (320, 0), (640, 0)]
    picture = await town.ask("GET", sheet["url"], who=town.guard)
    assert (picture.status, picture.content_type, picture.raw[:2]) == (200, "image/jpeg", b"\xff\xd8")


async def test_what_was_made_goes_with_its_recording_and_comes_again_when_it_was_spoiled(archive):
    await archive.put(0, recorded(30), 30)
    task = await keeper(archive)
    await task.once()
    folder = archive.root / ".derived" / archive.folder.city / archive.folder.camera
    cuts, sheet = sorted(folder.iterdir())
    good = cuts.read_bytes()
    cuts.write_bytes(good[:-3] + b"xyz")
    archive.town.served.daemon.evidence.derived._cache._found.clear()
    assert (await archive.playlist(0, 30)).seconds == pytest.approx(30)
    await task.once()
    assert cuts.read_bytes() == good
    (folder / "leftover.1234.tmp").write_bytes(b"x")
    async with archive.town.served.base.database.write() as transaction:
        await transaction.execute("DELETE FROM segment", {})
    for _ in range(2):
        await task.once()
    assert not sheet.exists()
    assert not folder.exists()


async def test_a_recording_without_a_picture_is_tried_once(archive):
    found = mp4.recording(20, duration_ms=20_000)
    data = found.head
    for part in found.parts:
        moof_bytes = int.from_bytes(part[:4], "big") + 8
        data += part[:moof_bytes] + bytes(len(part) - moof_bytes)
    await archive.put(0, data, 20)
    task = await keeper(archive)
    for _ in range(3):
        await task.once()
    folder = archive.root / ".derived" / archive.folder.city / archive.folder.camera
    assert sorted(one.suffix for one in folder.iterdir()) == [".cuts", ".jpg"]
    assert (await thumbnails(archive, 0, 20))["sheets"] == []
    assert (await archive.playlist(0, 20)).seconds == pytest.approx(20)


async def test_a_decoder_that_is_not_there_says_nothing_of_a_recording(archive, monkeypatch):
    await archive.put(0, recorded(20), 20)
    task = await keeper(archive)
    with monkeypatch.context() as without:
        without.setattr(archive.town.served.daemon.evidence._sprites, "_argv", ("/bin/false",))
        await task.once()
    folder = archive.root / ".derived" / archive.folder.city / archive.folder.camera
    assert [one.suffix for one in folder.iterdir()] == [".cuts"]
    await (await keeper(archive)).once()
    assert (await thumbnails(archive, 0, 20))["sheets"]


async def test_a_sheet_has_its_bytes_on_the_disk_before_its_name(archive, monkeypatch):
    await archive.put(0, recorded(20), 20)
    task, done = await keeper(archive), []
    sync, replace = os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda handle: done.append(os.fstat(handle).st_size) or sync(handle))
    monkeypatch.setattr(Path, "replace", lambda path, to: done.append(to.suffix) or replace(path, to))
    await task.once()
    folder = archive.root / ".derived" / archive.folder.city / archive.folder.camera
    sizes = {one.suffix: one.stat().st_size for one in folder.iterdir()}
    assert done == [sizes[".cuts"], ".cuts", sizes[".jpg"], ".jpg"]


@pytest.mark.parametrize(("end", "status"), [("2026-02-05T00:00:00Z", 200), ("2026-02-05T00:00:01Z", 422)])
async def test_pictures_are_told_of_35_days(archive, end, status):
    path = f"/api/v1/cameras/{archive.camera['id']}/thumbnails?start=2026-01-01T00:00:00Z&end={end}"
    assert (await archive.town.ask("GET", path, who=archive.town.guard)).status == status


async def keeper(archive):
    volume, daemon = archive.town.served.daemon._volume, archive.town.served.daemon
    await volume.watch.settle(archive.town.served.base.database)
    await volume.watch.look()
    archive.town.served.close_breaker()
    return Derivatives(volume.system, daemon.evidence.derived, daemon.evidence._sprites, volume.watch)


async def thumbnails(archive, from_s, to_s, **query):
    more = "".join(f"&{name}={value}" for name, value in query.items())
    path = f"/api/v1/cameras/{archive.camera['id']}/thumbnails?start={at(from_s)}&end={at(to_s)}{more}"
    answer = await archive.town.ask("GET", path, who=archive.town.guard)
    assert answer.status == 200, answer.raw
    return answer.body
