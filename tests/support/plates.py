"""Reports of plates as programs and cameras send them, and pictures to go with them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import struct
import zlib
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from typing import Any

import av

from vmsd.services.webhook_signatures import PREFIX


@cache
def jpeg(width: int = 160, height: int = 48) -> bytes:
    """A grey crop, made by a real encoder."""
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"  # type: ignore[attr-defined]
    encoder.time_base = Fraction(1, 25)  # type: ignore[attr-defined]
    frame = av.VideoFrame(width, height, "yuvj420p")
    for plane in frame.planes:
        plane.update(bytes([128]) * plane.buffer_size)
    return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])  # type: ignore[attr-defined]


def png(width: int = 8, height: int = 4, extra: bytes = b"") -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\x00" + bytes(width) for _ in range(min(height, 64))))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def reading(camera_id: str, at: Any, plate: str = "ABC1D23", **more: Any) -> dict[str, Any]:
    return {"camera_id": camera_id, "placa": plate, "timestamp": at, "confianca": 0.93} | more


def canonical(body: dict[str, Any], separators: tuple[str, str] = (",", ":")) -> bytes:
    return json.dumps(body, sort_keys=True, separators=separators, ensure_ascii=False).encode()


def signed_body(secret: str, body: dict[str, Any], separators: tuple[str, str] = (",", ":")) -> bytes:
    """With a member `signature`."""
    made = hmac.new(secret.encode(), canonical(body, separators), hashlib.sha256).hexdigest()
    return json.dumps(body | {"signature": made}).encode()


def plain_header(secret: str, raw: bytes) -> dict[str, str]:
    return {"X_Signature": f"sha256={hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()}"}


def standard_headers(secret: str, raw: bytes, message_id: str, at_s: int) -> dict[str, str]:
    """As the libraries of Standard-Webhooks make them, for `Served.ask`."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    made = hmac.new(key, f"{message_id}.{at_s}.".encode() + raw, hashlib.sha256).digest()
    return {
        "webhook_id": message_id,
        "webhook_timestamp": str(at_s),
        "webhook_signature": f"v1,{base64.b64encode(made).decode()}",
    }


def multipart(parts: Sequence[tuple[str, str, bytes]], boundary: str = "7e13971310878") -> tuple[str, bytes]:
    """Each as the name of its field, its kind, its content; the type of the whole, and it."""
    lines = []
    for name, kind, content in parts:
        lines.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n'
            f"Content-Type: {kind}\r\nContent-Length: {len(content)}\r\n\r\n".encode()
            + content
            + b"\r\n"
        )
    return f"multipart/form-data; boundary={boundary}", b"".join(lines) + f"--{boundary}--\r\n".encode()


HIKVISION = """<?xml version="1.0" encoding="UTF-8"?>
<EventNotificationAlert version="2.0" xmlns="http://www.isapi.org/ver20/XMLSchema">
<ipAddress>192.168.10.64</ipAddress><portNo>80</portNo><protocol>HTTP</protocol>
<macAddress>44:19:b6:00:00:01</macAddress><channelID>1</channelID>
<dateTime>{at}</dateTime>
<activePostCount>1</activePostCount><eventType>{event}</eventType><eventState>active</eventState>
<eventDescription>ANPR</eventDescription>
<ANPR><country>78</country><licensePlate>{plate}</licensePlate><line>1</line><direction>forward</direction>
<confidenceLevel>{confidence}</confidenceLevel><plateType>unknown</plateType><plateColor>white</plateColor>
<licenseBright>0</licenseBright><vehicleType>vehicle</vehicleType><detectDir>1</detectDir>
<vehicleInfo><index>1</index><colorDepth>1</colorDepth><color>silver</color><length>0</length></vehicleInfo>
<pictureInfoList>
<pictureInfo><fileName>licensePlatePicture.jpg</fileName><type>licensePlatePicture</type></pictureInfo>
<pictureInfo><fileName>detectionPicture.jpg</fileName><type>detectionPicture</type></pictureInfo>
</pictureInfoList></ANPR>
<UUID>6c2a4d80-1dd2-11b2-80ab-a41437000001</UUID><picNum>2</picNum>
</EventNotificationAlert>"""


def hikvision(plate: str, at: str, *, event: str = "ANPR", confidence: int = 97) -> tuple[str, bytes]:
    """The notification with its two pictures."""
    xml = HIKVISION.format(plate=plate, at=at, event=event, confidence=confidence).encode()
    return multipart(
        [
            ("anpr.xml", "text/xml", xml),
            ("detectionPicture.jpg", "image/jpeg", jpeg(640, 360)),
            ("licensePlatePicture.jpg", "image/jpeg", jpeg()),
        ]
    )


def itsapi(plate: str, at: str, confidence: int = 98) -> bytes:
    """Intelbras' ITSAPI: what a camera posts as `TollgateInfo`."""
    whole = base64.b64encode(jpeg(640, 360)).decode()
    body = {
        "Picture": {
            "CutoutPic": {"Content": base64.b64encode(jpeg()).decode(), "PicName": "plate.jpg"},
            "NormalPic": {"Content": whole, "PicName": "scene.jpg"},
            "Plate": {
                "BoundingBox": [1012, 514, 1150, 560],
                "Channel": 0,
                "Confidence": confidence,
                "IsExist": True,
                "PlateColor": "White",
                "PlateNumber": plate,
                "PlateType": "unknow",
                "Region": "BRA",
                "UploadNum": 1,
            },
            "SnapInfo": {
                "AllowUser": False,
                "DeviceID": "6be19c30-0a5b-4d77-8ad7-1b2c3d4e5f60",
                "Direction": "Obverse",
                "LanNo": 1,
                "SnapTime": at,
                "TimeZone": 8,
            },
            "Vehicle": {"VehicleColor": "White", "VehicleSign": "Fiat", "VehicleType": "Motor"},
        }
    }
    return json.dumps(body).encode()


EVENT_LINES = """Events[0].EventBaseInfo.Code=TrafficJunction
Events[0].EventBaseInfo.Action=Pulse
Events[0].EventBaseInfo.Index=0
Events[0].CountInGroup=1
Events[0].UTC={at_s}
Events[0].Object.ObjectType=Plate
Events[0].Object.Text={plate}
Events[0].Object.Confidence=91
Events[0].TrafficCar.PlateNumber={plate}
Events[0].TrafficCar.PlateColor=White
Events[0].TrafficCar.Speed=42
Events[0].TrafficCar.Lane=1
"""


def event_text(plate: str, at_s: int) -> tuple[str, bytes]:
    """The same maker's events as text, with the picture in a part of its own."""
    kind, body = multipart(
        [("", "text/plain", EVENT_LINES.format(plate=plate, at_s=at_s).encode()), ("", "image/jpeg", jpeg())],
        boundary="myboundary",
    )
    return kind.replace("form-data", "x-mixed-replace"), body
