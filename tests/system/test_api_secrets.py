"""Secrets that were told to a running site are found nowhere afterwards but where they belong."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pyotp

from tests.support.processes import until
from tests.support.site import Site

ADDRESS = "198.51.100.9"


def canary(name: str) -> str:
    return f"canario-{name}-{secrets.token_hex(12)}"


def every_command_line() -> bytes:
    found = b""
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += process.read_bytes() + b"\n"
        except OSError:
            continue
    return found


async def raw(site: Site, text: str) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.ports.http)
    writer.write(text.encode())
    async with asyncio.timeout(30):
        answer = await reader.read()
    writer.close()
    return answer


async def second_factor(browser: aiohttp.ClientSession, url: str) -> dict[str, str]:
    """Set up in the browser's session: its secret, and a recovery code."""
    async with browser.post(f"{url}/api/v1/auth/totp") as answer:
        secret = str((await answer.json())["secret"])
    async with browser.put(f"{url}/api/v1/auth/totp", json={"code": pyotp.TOTP(secret).now()}) as answer:
        assert answer.status == 200, await answer.text()
        return {"totp": secret, "recovery": str((await answer.json())["recovery_codes"][0])}


async def tokens_of_programs(site: Site) -> dict[str, str]:
    """One whose answer is kept to be said again, and what it was rotated to."""
    _, issued = await site.ask("POST", "/api/v1/tokens", {"name": "painel"}, **{"Idempotency-Key": "uma-vez"})
    _, rotated = await site.ask("POST", f"/api/v1/tokens/{issued['id']}/rotate", {})
    return {"issued": issued["token"], "rotated": rotated["token"]}


def all_that_is_left(site: Site, running: bytes, answers: bytes) -> dict[str, bytes]:
    """What can be read where, but the keys themselves."""
    assert site.vmsd
    assert site.mediamtx
    places = {
        "the daemon's log": site.vmsd.log.read_bytes(),
        "the media server's log": site.mediamtx.log.read_bytes(),
        "the command lines": running,
        "the answers": answers,
    }
    for file in (site.folder / "data").rglob("*"):
        if file.is_file() and file.parent.name != "keys":
            places[str(file.relative_to(site.folder))] = file.read_bytes()
    return places


async def test_secrets_stay_where_they_belong(site: Site) -> None:
    site.config.write_text('log_level = "debug"\n' + site.config.read_text("utf-8"), "utf-8")
    told = {name: canary(name) for name in (
        "field", "address", "query", "sub", "new", "probed", "imported", "login", "wrong", "typed-as-name", "cookie",
        "bearer", "viewing", "malformed", "person",
    )}  # fmt: skip
    told["token"] = site.token
    answers: list[bytes] = []

    async def ask(method: str, path: str, body: object = None, **rest: str) -> object:
        status, answer = await site.ask(method, path, body, **rest)
        assert status < 500 or status == 503, (method, path, answer)
        answers.append(repr(answer).encode())
        return answer

    await site.start()
    cameras = [
        {"source_url": f"rtsp://{ADDRESS}/a", "username": "admin", "password": told["field"]},
        {"source_url": f"rtsp://admin:{told['address']}@{ADDRESS}/b"},
        {"protocol": "http", "source_url": f"http://{ADDRESS}/live.m3u8?token={told['query']}"},
        {"protocol": "http", "source_url": f"http://{ADDRESS}/mjpeg?user=a&password={told['query']}"},
        {"source_url": f"rtsp://{ADDRESS}/c", "sub_source_url": f"rtsp://{ADDRESS}/user=a_password={told['sub']}_x=1"},
    ]
    ids = [(await ask("POST", "/api/v1/cameras", {"name": f"c{n}"} | one))["id"] for n, one in enumerate(cameras)]
    _, pushing = await site.ask("POST", "/api/v1/cameras", {"name": "push", "protocol": "rtmp"})
    told["publish"] = pushing["publish"]["rtmp_path"].rpartition("pass=")[2]
    await ask("PATCH", f"/api/v1/cameras/{ids[0]}", {"password": told["new"]})
    await ask("POST", "/api/v1/cameras/probe", {"source_url": f"rtsp://admin:{told['probed']}@127.0.0.1:9/x"})
    rows = [
        {"name": "i", "source_url": f"rtsp://u:{told['imported']}@{ADDRESS}/"},
        {"name": 1, "password": told["imported"]},
    ]
    await ask("POST", "/api/v1/cameras/import", {"cameras": rows})
    await ask("POST", "/api/v1/cameras/import", {"cameras": told["imported"]})
    for body in ({"name": "admin", "password": told["wrong"]}, {"name": told["typed-as-name"], "password": "x"}):
        await ask("POST", "/api/v1/auth/login", body, token="")
    await site.command("user", "add", "segunda", "--password", told["login"])
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser,
        browser.post(f"{site.url}/api/v1/auth/login", json={"name": "segunda", "password": told["login"]}) as answer,
    ):
        assert answer.status == 200
        told["session"] = answer.cookies["vmsd"].value
        answers.append(await answer.read())
        told |= await second_factor(browser, site.url)
    await ask("POST", "/api/v1/users", {"name": "terceira", "password": told["person"], "city_id": site.city_id})
    told |= await tokens_of_programs(site)
    _, stream = await site.ask("POST", f"/api/v1/streams?camera_id={ids[0]}")
    told["stream"] = stream["hls_url"].rpartition("token=")[2]
    for token in (told["stream"], told["viewing"]):
        await ask("GET", f"/hls/stream_{ids[0]}/index.m3u8?token={token}", token="")
        await ask("GET", f"/api/v1/cameras/{ids[0]}/snapshot.jpg?token={token}", token="")
    await ask("GET", "/api/v1/cameras", token="vmsd_" + told["bearer"])
    await ask("GET", "/api/v1/cameras", token="", Cookie=f"vmsd={told['cookie']}")
    bad = f"GET /?token={told['malformed']} HTTP/1.1\r\nHost: x\r\nbad {told['malformed']}\r\n\r\n"
    answers.append(await raw(site, bad))
    for path in (
        "cameras",
        "states",
        "system",
        "streams",
        "storage",
        "cities",
        "users",
        "tokens",
        "groups",
        "audit?limit=500",
        *(f"cameras/{one}/status" for one in ids),
    ):
        await ask("GET", f"/api/v1/{path}")

    async def has_offline_cause() -> bool:
        status = await site.status(ids[0])
        return status["state"] == "offline"

    await until(has_offline_cause, 40, "the observer has looked at the cameras")
    running = every_command_line()
    assert site.vmsd
    assert site.mediamtx
    await site.vmsd.end()
    await site.mediamtx.end()
    places = all_that_is_left(site, running, b"\n".join(answers))
    assert b"camera.added" in places["the daemon's log"]
    assert b"admin" in places["data/vmsd.db"] + places.get("data/vmsd.db-wal", b"")
    found = {
        (name, place)
        for name, secret in told.items()
        for place, content in places.items()
        if secret.encode() in content or quote(secret).encode() in content
    }
    assert found == set()
