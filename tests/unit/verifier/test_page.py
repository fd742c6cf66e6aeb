"""The page that checks packages in a browser says what the Python file says, and reaches for nothing outside."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import random
import re
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Page, async_playwright

from tests.unit.verifier.certificates import make_certificate
from tests.unit.verifier.package_box import make_package
from tests.unit.verifier.tamperings import TAMPERINGS
from vmsd.verifier import verificar

CHROMIUM = Path("/usr/bin/chromium")
PAGE = Path(verificar.__file__).with_name("verificar.html")
COUNT = int(os.environ.get("VMSD_TAMPERINGS", "2000")) // 10
CHECK = """async ([data, name]) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const { ok, kind, findings, notes } = await verify(new File([bytes], name), null, () => {});
    return { ok, kind, findings, notes };
}"""


def test_the_policy_allows_this_text_and_no_other() -> None:
    text = PAGE.read_text("utf-8")
    core, page = re.findall(r"<script id=\"\w+\">(.*?)</script>", text, re.DOTALL)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    right = f"script-src '{_sum(core)}' '{_sum(page)}'; style-src '{_sum(style)}'"
    assert f"default-src 'none'; {right}; worker-src blob:; base-uri 'none'; form-action 'none'" in text
    assert not re.search(r"https?://|@import|url\(|innerHTML|eval\(", text)


def _sum(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


@pytest_asyncio.fixture
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        opened = await browser.new_page(viewport={"width": 390, "height": 800})
        complaints: list[str] = []
        opened.on("console", lambda message: complaints.append(message.text))
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on(
            "request", lambda asked: complaints.append(asked.url) if asked.url[:5] not in {"file:", "blob:"} else 0
        )
        await opened.goto(PAGE.as_uri())
        yield opened
        await browser.close()
    assert complaints == []


needs_chromium = pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no Chromium here")


@needs_chromium
@pytest.mark.browser
@pytest.mark.timeout(900)
async def test_page_and_program_say_the_same(page: Page, tmp_path: Path) -> None:
    """Of clean packages, of tampered ones, and of certificates: the same findings, in the same order."""
    ways, weights = zip(*TAMPERINGS, strict=True)
    for number in range(COUNT):
        draw = random.Random(500_000 + number)
        made = make_package(draw.randrange(40))
        with warnings.catch_warnings(action="ignore"):
            data = made.zipped() if number % 20 == 0 else draw.choices(ways, weights)[0](draw, made).data
        assert await _in_browser(page, data, "p.zip") == _in_python(tmp_path, data, "p.zip"), number
    for number in range(20):
        data = make_certificate(number)
        data = data if number % 2 else data.replace(b"0", b"1", number)
        assert await _in_browser(page, data, "c.json") == _in_python(tmp_path, data, "c.json"), number


async def _in_browser(page: Page, data: bytes, name: str) -> Any:
    return await page.evaluate(CHECK, [base64.b64encode(data).decode(), name])


def _in_python(folder: Path, data: bytes, name: str) -> Any:
    (folder / name).write_bytes(data)
    report = verificar.verify(str(folder / name))
    findings, notes = ([one._asdict() for one in some] for some in (report.findings, report.notes))
    return {"ok": report.ok, "kind": report.kind, "findings": findings, "notes": notes}


@needs_chromium
@pytest.mark.browser
async def test_a_person_drops_a_package_and_reads_the_answer(page: Page, tmp_path: Path) -> None:
    made = make_package(3)
    good, bad = tmp_path / "boa.zip", tmp_path / "ruim.zip"
    good.write_bytes(made.zipped())
    bad.write_bytes(made.zipped()[:-3] + b"abc")
    await page.set_input_files("#file", good)
    await page.wait_for_selector(".verdict.good")
    await page.fill("#fingerprint", "ab" * 32)
    await page.wait_for_selector(".verdict.bad")
    assert "fingerprint_unexpected" in await page.inner_text("#result")
    await page.fill("#fingerprint", made.signature["fingerprint"].upper())
    await page.wait_for_selector(".verdict.good")
    await page.set_input_files("#file", bad)
    await page.wait_for_selector(".verdict.bad")
    assert "zip_damaged" in await page.inner_text(".wrong")
    await page.click("#language")
    assert "FAILURE" in await page.inner_text(".verdict")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390


@needs_chromium
@pytest.mark.browser
async def test_page_and_program_know_the_same_words(page: Page) -> None:
    shapes = (
        "MANIFEST_SHAPE",
        "CUSTODY_SHAPE",
        "AUDIT_SHAPE",
        "HEAD_SHAPE",
        "SIGNATURE_SHAPE",
        "CERTIFICATE_SHAPE",
        "GAP",
    )
    for name in (*shapes, "TEXTS", "WHYS", "CAUSES", "STEPS"):
        assert await page.evaluate(name) == json.loads(json.dumps(getattr(verificar, name))), name
