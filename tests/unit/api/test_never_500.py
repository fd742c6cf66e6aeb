"""Whatever is sent to whichever route, the box answers for it and never falls over."""

from __future__ import annotations

import json
from random import Random

from vmsd.api.routes import ROUTES

VALUES = [
    None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63) - 1, 10**40, 0.1, 1e308, "", " ", "x", "\0", "\ud800",
    "é" * 300, "00000000-0000-4000-8000-000000000000",
    "../../etc/passwd", "' OR 1=1 --", "{{7*7}}", "<script>", "rtsp://198.51.100.1/", "rtsp://[::1",
    [], {}, [[]], [None], {"": ""}, {"lat": "x"}, {"a": {"b": {"c": []}}}, "9" * 2000, "http", "rtmp", "p2p",
    "intelbras", "generic",
]  # fmt: skip
FIELDS = [
    "name", "password", "new_password", "city_id", "status", "plan", "protocol", "source_url", "sub_source_url",
    "substream",
    "vendor", "host", "username", "channel", "subtype", "tunnel", "tunnel_target", "recording_enabled",
    "retention_days", "location", "audio", "group", "cameras", "recording", "", "a/b", "__proto__", "token", "limit",
]  # fmt: skip
QUERIES = [
    "",
    "?",
    "?limit=%00",
    "?cursor=%FF",
    "?start=x",
    "?camera_id=",
    "?token=%ED%A0%80",
    "?a=1&a=2",
    "?%00=%00",
    "?" + "a=1&" * 500,
]
PLACES = ["x", "%00", "%FF%FE", "00000000-0000-4000-8000-000000000000", "%2e%2e%2f", "é"]


async def test_two_thousand_bad_requests(town):
    random = Random(20261121)
    await town.served.camera(town.gestor, town.here)
    known = (await town.ask("GET", "/api/v1/cameras", who=town.gestor)).body["items"][0]["id"]
    wrong = []
    for number in range(2_000):
        route = random.choice(ROUTES)
        if "logout" in route.path:
            continue
        path = route.path.replace("{camera_id:[^/_]+}{main:(?:_main)?}", "{camera_id}").replace(":.+}", "}")
        while "{" in path:
            place = known if random.random() < 0.5 else random.choice(PLACES)
            path = path[: path.index("{")] + place + path[path.index("}") + 1 :]
        body = {random.choice(FIELDS): random.choice(VALUES) for _ in range(random.randint(0, 6))}
        raw = json.dumps(body if random.random() < 0.9 else random.choice(VALUES)).encode()
        if random.random() < 0.1:
            raw = raw[: len(raw) // 2] + bytes([random.randint(0, 255)])
        who = random.choice([town.root, town.gestor, town.guard, {}])
        city = town.here if who is town.root else None
        if route.method == "GET":
            raw = None if number % 2 else raw
        if route.method == "DELETE" and known in path and "recording" not in path:
            continue
        answer = await town.ask(route.method, path + random.choice(QUERIES), raw=raw, who=who, city=city)
        told = {"application/problem+json"} | ({"text/html"} if path.startswith("/wall/") else set())
        if answer.status == 500 or (answer.status >= 400 and answer.content_type not in told):
            wrong.append((route.method, path, raw, answer.status, answer.raw[:200]))
    assert wrong == []
    assert (await town.ask("GET", f"/api/v1/cameras/{known}", who=town.gestor)).status == 200
    assert await town.served.base.desired.plan()
