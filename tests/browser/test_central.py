"""What a central office is given and looks at: its token from the account page, and the page of its sites."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from tests.browser.conftest import AXE, Guard
from tests.support.fleet_sites import LIKES, Box
from vmsd.fleet.ask import Refusal
from vmsd.fleet.finding import red
from vmsd.fleet.judgement import judge
from vmsd.fleet.memory import Remembered
from vmsd.fleet.page import page_of
from vmsd.fleet.rounds import Report, Round
from vmsd.fleet.sites import Site
from vmsd.fleet.trust import read_trusted

NOW_MS = 1_795_258_800_000


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="module")
async def test_a_superadmin_makes_a_token_for_the_central_office_alone(clerk: Guard) -> None:
    page = clerk.page
    await clerk.open("/account")
    await page.get_by_role("button", name="Novo token").click()
    await page.get_by_label("Nome").fill("Central")
    live = page.get_by_role("checkbox", name="Ver ao vivo")
    await live.check()
    await page.get_by_role("checkbox", name="Só para a central").check()
    await expect(live).not_to_be_checked()
    await expect(live).to_be_disabled()
    assert await clerk.accessibility() == []
    await page.get_by_label("Nome").press("Enter")
    dialog = page.get_by_role("dialog", name="O segredo de Central")
    await expect(dialog).to_be_visible()
    secret = await dialog.locator("#secret-text").inner_text()
    await dialog.get_by_role("button", name="Já guardei").click()
    await expect(page.locator("#tokens")).to_contain_text("central: estado assinado e métricas, sem nomes")
    assert [(await clerk.site.ask("GET", path, token=secret))[0] for path in PATHS] == [200, 200, 403, 403]
    await clerk.open("/admin/tokens")
    await expect(page.locator("#tokens")).to_contain_text("central: estado assinado e métricas, sem nomes")


PATHS = ("/api/v1/status", "/metrics", "/api/v1/cameras", "/api/v1/auth/me")


def round_of_every_kind() -> Round:
    """The second reading of sites of every kind."""
    reports = []
    for kind in LIKES:
        box, known = Box(f"Local {kind}", kind), None
        site = Site(box.name, f"https://10.0.0.{len(reports)}", "", None, None, b"", None, 1, 0.98)
        for _ in range(2):
            box.asked += 1
            report = read(site, box, known)
            known = report.remembered or known
        reports.append(report)
    return Round(NOW_MS, sorted(reports, key=lambda one: (-one.level, one.site.name)))


def read(site: Site, box: Box, known: Remembered | None) -> Report:
    body = json.dumps(box.answer(NOW_MS, known.row if known else None)).encode()
    try:
        trusted = read_trusted(body, None, known, NOW_MS, 300)
    except Refusal as refusal:
        return Report(site, 0.2, [red(refusal.code, **refusal.facts)])
    findings = [*trusted.findings, *judge(trusted.status, 0.98, NOW_MS)]
    return Report(site, 0.2, findings, trusted.status, trusted.remembered)


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
async def test_the_page_of_all_sites_opens_from_the_disk_without_a_network(
    browser: Browser, tmp_path: Path, scheme: str, width: int
) -> None:
    file = tmp_path / "page.html"
    file.write_text(page_of(round_of_every_kind(), "pt"))
    context = await browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
        offline=True,
        reduced_motion="reduce",
    )
    async with context:
        page = await context.new_page()
        asked: list[str] = []
        said: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        await page.goto(file.as_uri())
        await expect(page.get_by_text("AUDITORIA REESCRITA: a linha 1001 é outra")).to_be_visible()
        assert (asked, said) == ([file.as_uri()], [])
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert await page.locator("script").count() == 0
        session = await context.new_cdp_session(page)
        await session.send("Runtime.evaluate", {"expression": AXE.read_text("utf-8")})
        found = await page.evaluate("async () => (await axe.run(document)).violations.map((one) => one.id)")
        assert found == []
