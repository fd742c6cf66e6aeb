"""The daemon is killed again and again while plates are reported: what was answered 202 is there, once, with its crop.

`VMSD_TEST_KILLS=1000` makes a long one of it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import os
import random
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from tests.support.plates import jpeg, reading, signed_body
from tests.support.site import Site
from vmsd.video.pictures import clean_picture

KILLS = int(os.environ.get("VMSD_TEST_KILLS") or 8)
SENDERS = 12
LPR = "/api/v1/webhooks/lpr"


@dataclass
class Told:
    """What was answered 202: the body that was sent, by the id of the detection."""

    taken: dict[str, bytes] = field(default_factory=dict)
    unanswered: int = 0


async def report(
    site: Site, http: aiohttp.ClientSession, secret: str, camera: str, numbers: itertools.count, told: Told
):
    """One after the other, until the box is gone; each plate once."""
    picture = base64.b64encode(jpeg()).decode()
    while True:
        number = next(numbers)
        plate = f"AAA{number // 1000 % 10}{'ABCDEFGHIJ'[number // 100 % 10]}{number % 100:02}"
        body = reading(camera, time.time(), plate, imagem_base64=picture) | {"confianca": number % 1000 / 1000}
        raw = signed_body(secret, body)
        try:
            async with http.post(site.url + LPR, data=raw, headers={"Content-Type": "application/json"}) as answer:
                assert answer.status in (202, 429), await answer.text()
                if answer.status == 202:
                    told.taken[(await answer.json())["id"]] = raw
        except (aiohttp.ClientError, ConnectionError):
            told.unanswered += 1
            return


@pytest.mark.timeout(90 + 10 * KILLS)
async def test_no_plate_is_lost_that_was_answered_for(tmp_path: Path) -> None:
    chance, told, numbers = random.Random(KILLS), Told(), itertools.count()
    async with Site(tmp_path, plates={"same_s": 0}) as site, aiohttp.ClientSession() as http:
        await site.start_vmsd(healthy=False)
        camera = await site.add_camera("Entrada", "rtsp://198.51.100.10/live")
        status, key = await site.ask("POST", "/api/v1/webhooks/keys", {"name": "Leitor"})
        assert status == 201, key
        for _ in range(KILLS):
            senders = [
                asyncio.create_task(report(site, http, key["secret"], camera, numbers, told)) for _ in range(SENDERS)
            ]
            await asyncio.sleep(chance.uniform(0.3, 1.5))
            assert site.vmsd is not None
            await site.vmsd.end(signal.SIGKILL)
            await asyncio.gather(*senders)
            await site.start_vmsd(healthy=False)
        assert len(told.taken) > 20 * KILLS
        rows = dict(site.sql("SELECT public_id, image FROM detection"))
        assert told.taken.keys() <= rows.keys()
        assert len(rows) <= len(told.taken) + told.unanswered, "what nobody was answered for may be there too, once"
        crop = hashlib.sha256(clean_picture(jpeg()).content).digest()
        folder = tmp_path / "data" / "plates" / site.city_id
        for image in rows.values():
            assert hashlib.sha256((folder / image).read_bytes()).digest() == crop
        assert list(folder.rglob("*.jpg")), "there are pictures at all"
        newest = list(told.taken.values())[-SENDERS:]
        for raw in newest:
            async with http.post(site.url + LPR, data=raw, headers={"Content-Type": "application/json"}) as answer:
                assert answer.status == 409, "known after the restart"
