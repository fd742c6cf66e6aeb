"""What the daemon measures, for Prometheus: read from memory at each scrape, without a name, an address or a query."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Protocol

from prometheus_client.metrics_core import Metric

from vmsd import __version__
from vmsd.model.camera import Camera
from vmsd.model.city import City
from vmsd.model.state import State
from vmsd.services.archive import ArchiveState
from vmsd.services.live_states import key_of
from vmsd.services.overview import Sources
from vmsd.services.promise import judge
from vmsd.services.storage import OpenReason
from vmsd.services.stream_facts import RECORDING_S

DAY_S = 86_400
Labels = dict[str, str]
Value = tuple[Labels, float | None]
HLS = (
    ("vmsd_hls_cache_hits", "Live files served from memory.", "hits"),
    ("vmsd_hls_cache_misses", "Live files that had to be fetched or waited for.", "misses"),
    ("vmsd_hls_upstream_requests", "Live files asked of MediaMTX.", "upstream_requests"),
)


class Beat(Protocol):
    """How a task is doing; `tasks.base` has it."""

    name: str
    last_ok_ms: int | None
    duration_ms: int | None
    failures: int
    failures_total: int

    def late(self, monotonic: float) -> bool: ...


def gauge(name: str, text: str, *values: Value) -> Metric:
    return family(name, "gauge", text, values)


def counter(name: str, text: str, *values: Value) -> Metric:
    """`name` without the `_total` that stands at the end of each sample's."""
    return family(name, "counter", text, values)


def family(name: str, kind: str, text: str, values: Iterable[Value]) -> Metric:
    """What has no value was not measured yet, and is not there."""
    metric = Metric(name, text, kind)
    sample = f"{name}_total" if kind == "counter" else name
    for labels, value in values:
        if value is not None:
            metric.add_sample(sample, labels, value)
    return metric


def plain(value: float | None) -> Value:
    return {}, value


@dataclass(frozen=True, slots=True)
class Seen:
    """One camera at one moment; None was not measured yet."""

    labels: Labels
    state: State
    frame_age_s: float | None
    segment_age_s: float | None
    received_bytes_per_s: float | None
    written_bytes_per_s: float
    fps: float | None
    is_recording: bool
    is_enabled: bool
    viewers: int


FIGURES: tuple[tuple[str, str, str], ...] = (
    ("vmsd_camera_last_frame_age_seconds", "Since bytes last arrived from the camera.", "frame_age_s"),
    ("vmsd_camera_last_segment_age_seconds", "Since bytes of the camera last reached the disk.", "segment_age_s"),
    ("vmsd_camera_received_bytes_per_second", "What the camera sends.", "received_bytes_per_s"),
    ("vmsd_camera_written_bytes_per_second", "What of it reaches the disk, over 30 s.", "written_bytes_per_s"),
    ("vmsd_camera_frame_rate_hertz", "Frames per second of what was recorded last.", "fps"),
    ("vmsd_camera_recording", "1 while bytes of the camera reach the disk.", "is_recording"),
    ("vmsd_camera_recording_enabled", "1 when the camera is to be recorded.", "is_enabled"),
    ("vmsd_camera_viewers", "Open viewing sessions of the camera.", "viewers"),
)


class Metrics:
    """What is asked at each scrape: `sources`, and `beats` for the tasks."""

    def __init__(self, sources: Sources, beats: Callable[[], Sequence[Beat]]) -> None:
        self._from = sources
        self._beats = beats
        self._started_s = sources.clock.monotonic()

    def families(self) -> Iterator[Metric]:
        yield from self._daemon()
        yield from self._cameras()
        yield from self._cities()
        yield from self._disk()
        yield from self._index()
        yield from self._clock()
        yield from self._mediamtx()
        yield from self._tasks()
        yield from self._hls()
        yield from self._safekeeping()

    def _daemon(self) -> Iterator[Metric]:
        now = self._from
        uptime_s = now.clock.monotonic() - self._started_s
        yield gauge("vmsd_build_info", "The version, in a label.", ({"version": __version__}, 1))
        yield gauge("vmsd_uptime_seconds", "Since the daemon started.", plain(uptime_s))
        yield gauge("vmsd_database_up", "1 while the database answers.", plain(now.database_ok()))
        yield gauge("vmsd_database_size_bytes", "The database's files.", plain(now.database_bytes()))

    def _cameras(self) -> Iterator[Metric]:
        viewers = self._viewers()
        seen = [self._see(city, camera, viewers) for city, camera in self._from.states.watched]
        states = [(one.labels | {"state": state}, one.state == state) for one in seen for state in State]
        yield gauge("vmsd_camera_state", "1 for the state the camera is in.", *states)
        for name, text, figure in FIGURES:
            value = attrgetter(figure)
            yield family(name, "gauge", text, ((one.labels, value(one)) for one in seen))

    def _viewers(self) -> Mapping[tuple[int, int], int]:
        cities = {city.id for city, _ in self._from.states.watched}
        streams = (stream for city_id in cities for stream in self._from.streams.list(city_id))
        return Counter((stream.city_id, stream.camera_id) for stream in streams)

    def _see(self, city: City, camera: Camera, viewers: Mapping[tuple[int, int], int]) -> Seen:
        key, index = key_of(camera), self._from.index
        state, written_s = self._from.states.of(camera), index.written_age_s(key)
        arrived_ms, bits_per_s = state.last_bytes_ms, state.facts.bitrate
        return Seen(
            labels={"city": city.public_id, "camera": camera.public_id},
            state=state.state,
            frame_age_s=None if arrived_ms is None else max(0, self._from.clock.wall_ms() - arrived_ms) / 1000,
            segment_age_s=written_s,
            received_bytes_per_s=None if bits_per_s is None else bits_per_s / 8,
            written_bytes_per_s=index.bytes_per_s(key),
            fps=index.fps(key),
            is_recording=written_s is not None and written_s <= RECORDING_S,
            is_enabled=camera.recording_enabled,
            viewers=viewers.get(key, 0),
        )

    def _cities(self) -> Iterator[Metric]:
        cities = {city.public_id: city for city, _ in self._from.states.watched}.values()
        now_ms, capacity = self._from.clock.wall_ms(), self._from.disk.capacity
        values: list[Value] = []
        for city in cities:
            promise = judge(city.retention_days, capacity, now_ms)
            held_s = None if promise.held_days is None else promise.held_days * DAY_S
            values += [
                ({"city": city.public_id, "kind": "promised"}, promise.promised_days * DAY_S),
                ({"city": city.public_id, "kind": "actual"}, held_s),
            ]
        yield gauge("vmsd_retention_seconds", "What the plan promises, and what the disk holds.", *values)

    def _disk(self) -> Iterator[Metric]:
        disk = self._from.disk
        usage, breaker, capacity = disk.usage, disk.breaker, disk.capacity
        if usage is not None:
            used_bytes = usage.total_bytes - usage.free_bytes
            yield gauge("vmsd_disk_size_bytes", "Of the recordings volume.", plain(usage.total_bytes))
            yield gauge("vmsd_disk_used_bytes", "Of the recordings volume.", plain(used_bytes))
            yield gauge("vmsd_disk_free_bytes", "Of the recordings volume.", plain(usage.free_bytes))
            yield gauge("vmsd_disk_used_ratio", "Of the recordings volume, 0 to 1.", plain(usage.used_ratio))
            yield gauge("vmsd_disk_inodes_used_ratio", "Of its inodes, 0 to 1.", plain(usage.inodes_used_ratio))
        yield gauge("vmsd_volume_up", "1 while the recordings volume is there and ours.", plain(disk.volume.ok))
        yield gauge("vmsd_breaker_open", "1 while nothing may be recorded.", plain(breaker.open))
        reasons: list[Value] = [({"reason": reason}, breaker.reason is reason) for reason in OpenReason]
        yield gauge("vmsd_breaker_reason", "1 for the reason why nothing may be recorded.", *reasons)
        if capacity is not None:
            oldest_s = None if capacity.oldest_ms is None else capacity.oldest_ms / 1000
            yield gauge("vmsd_recordings_size_bytes", "What the recordings take.", plain(capacity.footage_bytes))
            yield gauge("vmsd_recordings_oldest_timestamp_seconds", "The day of the oldest.", plain(oldest_s))

    def _index(self) -> Iterator[Metric]:
        index = self._from.index
        missing, ignored = index.missing_files, index.ignored_folders
        yield gauge("vmsd_index_complete", "1 once every folder was compared since the start.", plain(index.complete))
        yield gauge("vmsd_index_missing_files", "Recordings gone from the disk all at once.", plain(missing))
        yield gauge("vmsd_index_ignored_folders", "Folders on the volume that are nobody's.", plain(ignored))

    def _clock(self) -> Iterator[Metric]:
        trust = self._from.timekeeper.current
        text = "1 while the kernel says it is synchronised."
        yield gauge("vmsd_clock_trusted", "1 while the box believes its wall clock.", plain(trust.trusted))
        yield gauge("vmsd_clock_synchronised", text, plain(trust.synchronised))
        yield gauge(
            "vmsd_clock_offset_seconds", "The wall clock against the monotonic one.", plain(trust.offset_ms / 1000)
        )

    def _mediamtx(self) -> Iterator[Metric]:
        states, desired = self._from.states, self._from.desired
        applied = desired.applied_version == desired.version
        yield gauge("vmsd_mediamtx_up", "1 while MediaMTX answers.", plain(states.mediamtx_alive is True))
        yield gauge("vmsd_mediamtx_applied", "1 when MediaMTX has every change of every camera.", plain(applied))

    def _tasks(self) -> Iterator[Metric]:
        now_s = self._from.clock.monotonic()
        beats = [({"task": beat.name}, beat) for beat in self._beats()]
        ok = [(task, None if beat.last_ok_ms is None else beat.last_ok_ms / 1000) for task, beat in beats]
        took = [(task, None if beat.duration_ms is None else beat.duration_ms / 1000) for task, beat in beats]
        failed = [(task, beat.failures_total) for task, beat in beats]
        in_a_row = [(task, beat.failures) for task, beat in beats]
        late = [(task, beat.late(now_s)) for task, beat in beats]
        yield gauge("vmsd_task_last_ok_timestamp_seconds", "When a pass last succeeded.", *ok)
        yield gauge("vmsd_task_duration_seconds", "How long the last pass took.", *took)
        yield counter("vmsd_task_failures", "Passes that failed since the start.", *failed)
        yield gauge("vmsd_task_failures_in_a_row", "Passes that failed since the last that succeeded.", *in_a_row)
        yield gauge("vmsd_task_late", "1 when no pass has succeeded for too long.", *late)

    def _safekeeping(self) -> Iterator[Metric]:
        known = self._from.safekeeping
        if known is None:
            return
        last_s = None if known.last_ms is None else known.last_ms / 1000
        yield gauge("vmsd_snapshot_last_timestamp_seconds", "When the database was last copied.", plain(last_s))
        text = "1 when copies of the database lie on its own file system."
        yield gauge("vmsd_snapshot_same_filesystem", text, plain(known.shares_disk))
        if known.archive is not None:
            yield from _archive(known.archive())

    def _hls(self) -> Iterator[Metric]:
        stats = self._from.hls_stats()
        for name, text, figure in HLS:
            yield counter(name, text, plain(stats[figure]))
        yield gauge("vmsd_hls_cache_size_bytes", "Live files held in memory.", plain(stats["held_bytes"]))
        yield gauge("vmsd_hls_requests_in_flight", "Live files being sent.", plain(stats["in_flight"]))


def _archive(state: ArchiveState) -> Iterator[Metric]:
    oldest_s = None if state.oldest_ms is None else state.oldest_ms / 1000
    last_s = None if state.last_done_ms is None else state.last_done_ms / 1000
    yield gauge("vmsd_archive_waiting_items", "What waits to be archived.", plain(state.items))
    yield gauge("vmsd_archive_waiting_bytes", "What of it is not sent yet.", plain(state.bytes))
    yield gauge("vmsd_archive_oldest_timestamp_seconds", "Since when the oldest of it waits.", plain(oldest_s))
    yield gauge("vmsd_archive_last_done_timestamp_seconds", "When something last arrived.", plain(last_s))
    yield gauge("vmsd_archive_up", "1 unless the last attempt failed.", plain(state.trouble is None))
    yield counter("vmsd_archive_sent_bytes", "Sent since the start, again included.", plain(state.sent_bytes))
