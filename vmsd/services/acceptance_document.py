"""The acceptance report as a document: what was found, what it comes to, and the box's signature."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from vmsd.clock import Clock, rfc3339
from vmsd.errors import BadMedia
from vmsd.host.write_speed import WriteSpeed
from vmsd.model.acceptance import (
    FAILING,
    Acceptance,
    AcceptanceCertificate,
    AcceptedCamera,
    AcceptedCodec,
    AcceptedDevice,
    AcceptedPicture,
    AcceptedPoint,
    AcceptedProof,
    Fault,
    Mark,
)
from vmsd.model.camera import Camera
from vmsd.model.continuity import AuditHead
from vmsd.model.state import LiveState, State
from vmsd.services.acceptance_box import AcceptanceBox, whole
from vmsd.services.acceptance_proof import Window, proof_of, window_of
from vmsd.services.box_seal import BoxSeal, canonical_json
from vmsd.services.continuity import local_time
from vmsd.services.live_states import LiveStates
from vmsd.services.stills import Still
from vmsd.services.timeline import CityTimeline
from vmsd.store.acceptances import DeviceFacts
from vmsd.store.audit import Audit
from vmsd.store.database import Database
from vmsd.video.facts import LONGEST_GOP_S
from vmsd.video.picture_size import look_at

VIDEO = {
    "H264": "h264",
    "H265": "h265",
    "M-JPEG": "mjpeg",
    "AV1": "av1",
    "VP8": "vp8",
    "VP9": "vp9",
    "MPEG-4 Video": "mpeg4",
    "MPEG-1/2 Video": "mpeg2video",
}
"""Tracks of video, by the media server's names; every other one is of sound."""
OFFSET_S = 2.0
"""A camera's own clock, shown in its picture, may be so far from the box's."""


@dataclass(frozen=True)
class Evidence:
    """What was gathered, by the cameras' numbers; `changed_ms` by their ids: since when the video is of this source."""

    pictures: Mapping[int, Still]
    codecs: Mapping[int, AcceptedCodec]
    speed: WriteSpeed | None
    devices: Mapping[int, DeviceFacts]
    codec_faults: Mapping[int, Sequence[Fault]]
    frozen: AbstractSet[int]
    changed_ms: Mapping[str, int]


@dataclass(frozen=True)
class Written:
    """The signed text, its signature as JSON, and the pictures it names by their hashes."""

    certificate: str
    signature: str
    pictures: Mapping[int, bytes]
    passed: bool
    cameras: int
    sha256: str


@dataclass(frozen=True)
class AcceptanceWriter:
    seal: BoxSeal
    database: Database
    states: LiveStates
    box: AcceptanceBox
    clock: Clock
    site_name: str

    async def write(
        self, one: Acceptance, timeline: CityTimeline, cameras: Sequence[Camera], gathered: Evidence
    ) -> Written:
        """Of the last minutes as they are now."""
        window = window_of(self.clock.wall_ms(), one.minutes)
        shown = [await self._camera(timeline, camera, window, gathered) for camera in cameras]
        box = await self.box.look(timeline.city, gathered.speed)
        points: list[AcceptedPoint] = [{"name": "cameras", "result": _cameras(shown)}, *self.box.judge(box)]
        passed = all(point["result"] is not Mark.FAIL for point in points)
        certificate: AcceptanceCertificate = {
            "format": "vmsd-acceptance/1",
            "id": one.public_id,
            "issued_at": rfc3339(self.clock.wall_ms()),
            "issued_by": {"id": one.person, "name": one.person_name, "role": one.person_role},
            "installer": one.installer,
            "note": one.note,
            "asked_at": rfc3339(one.created_ms),
            "passed": passed,
            "site": self.site_name,
            "time_zone": str(timeline.zone),
            "box": self.seal.identity,
            "city": {"id": timeline.city.public_id, "name": timeline.city.name},
            "period": {
                "start": rfc3339(window.start_ms),
                "end": rfc3339(window.end_ms),
                "local_start": local_time(window.start_ms, timeline.zone),
                "local_end": local_time(window.end_ms, timeline.zone),
                "seconds": window.whole_ms // 1000,
            },
            "points": points,
            "cameras": shown,
            "clock": box.clock,
            "disk": box.disk,
            "promise": box.promise,
            "network": box.network,
            "certificate": box.certificate,
            "software": box.software,
            "audit_head": await self._audit_head(),
        }
        return self._sealed(certificate, {camera.id: camera.public_id for camera in cameras}, gathered)

    def _sealed(self, said: AcceptanceCertificate, ids: Mapping[int, str], gathered: Evidence) -> Written:
        text = canonical_json(said)
        shown = {camera["id"] for camera in said["cameras"] if camera["picture"] is not None}
        return Written(
            certificate=text.decode(),
            signature=json.dumps(self.seal.sign_bytes(text)),
            pictures={number: gathered.pictures[number].jpeg for number, name in ids.items() if name in shown},
            passed=said["passed"],
            cameras=len(said["cameras"]),
            sha256=hashlib.sha256(text).hexdigest(),
        )

    async def _camera(
        self, timeline: CityTimeline, camera: Camera, window: Window, gathered: Evidence
    ) -> AcceptedCamera:
        state = self.states.of(camera)
        proof, proven = await proof_of(timeline, camera, window)
        codec = gathered.codecs.get(camera.id) or live_codec(state)
        since_ms = gathered.changed_ms.get(camera.public_id, 0) if camera.recording_enabled else 0
        device, still = gathered.devices.get(camera.id), gathered.pictures.get(camera.id)
        picture = None if still is None or still.frame_ms < window.start_ms else _picture(still)
        faults = [
            *_picture_faults(state, picture, frozen=camera.id in gathered.frozen),
            *_recording_faults(camera, proof, proven=proven),
            *_source_faults(device, since_ms=since_ms, window=window),
            *gathered.codec_faults.get(camera.id, _codec_faults(codec)),
        ]
        failed = not FAILING.isdisjoint(faults)
        return {
            "id": camera.public_id,
            "name": camera.name,
            "group": camera.group,
            "protocol": camera.protocol,
            "host": host_of(camera),
            "result": Mark.FAIL if failed else Mark.WARN if faults else Mark.PASS,
            "faults": faults,
            "state": state.state,
            "state_cause": state.cause,
            "recording_enabled": camera.recording_enabled,
            "picture": picture,
            "proof": proof,
            "codec": codec,
            "device": None if device is None else _device(device),
        }

    async def _audit_head(self) -> AuditHead | None:
        head = await Audit(self.database).last_head()
        return None if head is None else {"hash": head.hash.hex(), "at": rfc3339(head.at_ms)}


def host_of(camera: Camera) -> str:
    """Where the camera is on the network; never a path, which may carry a password."""
    if camera.tunnel:
        return f"{camera.tunnel}: {camera.tunnel_target}"
    return camera.host or urlsplit(camera.source_url).hostname or ""


def codec_of(facts: Mapping[str, Any]) -> AcceptedCodec:
    """Of what a probe has measured."""
    number = {name: facts[name] if facts[name] is None else whole(facts[name]) for name in ("fps", "gop_s")}
    return {
        "codec": facts["codec"],
        "width": facts["width"],
        "height": facts["height"],
        "fps": number["fps"],
        "gop_s": number["gop_s"],
        "b_frames": facts["b_frames"],
        "audio": facts["audio"],
        "bitrate": facts["bitrate"],
    }


def live_codec(state: LiveState) -> AcceptedCodec:
    """What the media server sees of a camera that cannot be asked a second time."""
    facts = state.facts
    video = next((VIDEO[name] for name in facts.codecs if name in VIDEO), None)
    return {
        "codec": video,
        "width": facts.width,
        "height": facts.height,
        "fps": None,
        "gop_s": None,
        "b_frames": None,
        "audio": next((name for name in facts.codecs if name not in VIDEO), None),
        "bitrate": facts.bitrate,
    }


def _cameras(cameras: Sequence[AcceptedCamera]) -> Mark:
    """A site without a camera that is recorded proves nothing."""
    results = {camera["result"] for camera in cameras}
    if not any(camera["recording_enabled"] for camera in cameras) or Mark.FAIL in results:
        return Mark.FAIL
    return Mark.WARN if Mark.WARN in results else Mark.PASS


def _picture_faults(state: LiveState, picture: AcceptedPicture | None, *, frozen: bool) -> list[Fault]:
    signs = {
        Fault.NO_SIGNAL: state.state is not State.ONLINE,
        Fault.NO_PICTURE: picture is None,
        Fault.FROZEN: picture is not None and frozen,
    }
    return [fault for fault, applies in signs.items() if applies]


def _source_faults(device: DeviceFacts | None, *, since_ms: int, window: Window) -> list[Fault]:
    """What was recorded of another camera proves nothing of this one."""
    signs = {
        Fault.SOURCE_CHANGED: since_ms > window.start_ms,
        Fault.STRANGER: device is not None and bool(device.stranger),
        Fault.CLOCK_OFFSET: _is_off(device),
    }
    return [fault for fault, applies in signs.items() if applies]


def _recording_faults(camera: Camera, proof: AcceptedProof, *, proven: bool) -> list[Fault]:
    if not camera.recording_enabled:
        return [Fault.NOT_RECORDED]
    faults = [] if proven else [Fault.NOT_PROVEN]
    return faults if proof["clock_trusted"] else [*faults, Fault.CLOCK_UNTRUSTED]


def _codec_faults(codec: AcceptedCodec) -> list[Fault]:
    signs = {
        Fault.H265_BROWSER: codec["codec"] == "h265",
        Fault.B_FRAMES_WEBRTC: bool(codec["b_frames"]),
        Fault.GOP_LONG: (codec["gop_s"] or 0) > LONGEST_GOP_S and codec["codec"] != "mjpeg",
        Fault.AUDIO_G711_HLS: codec["audio"] in ("pcma", "pcmu", "G711"),
        Fault.MJPEG_NO_LIVE: codec["codec"] == "mjpeg",
    }
    return [fault for fault, applies in signs.items() if applies]


def _is_off(device: DeviceFacts | None) -> bool:
    return device is not None and abs(device.clock_offset_ms or 0) > OFFSET_S * 1000


def _picture(still: Still) -> AcceptedPicture | None:
    try:
        seen = look_at(still.jpeg)
    except BadMedia:
        return None
    return {
        "sha256": hashlib.sha256(still.jpeg).hexdigest(),
        "bytes": len(still.jpeg),
        "width": seen.width,
        "height": seen.height,
        "taken_at": rfc3339(still.frame_ms),
    }


def _device(device: DeviceFacts) -> AcceptedDevice:
    offset_ms = device.clock_offset_ms
    return {
        "manufacturer": device.manufacturer,
        "model": device.model,
        "firmware": device.firmware,
        "serial": device.serial,
        "mac": device.mac,
        "clock_offset_seconds": None if offset_ms is None else whole(offset_ms / 1000),
        "seen_at": rfc3339(device.seen_ms),
    }
