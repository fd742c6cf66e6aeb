"""The API's pages: every operation is shown, and can be tried out, under the policy of all pages."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.conftest import Guard
from tests.support.processes import until
from vmsd.api.routes import ROUTES

OPERATIONS = sum(not route.page for route in ROUTES)
SHOWN = "blocks => blocks.map((block) => block.id)"
STEP_PX = 500


async def test_every_operation_is_shown_by_the_box_itself(visitor: Guard) -> None:
    await visitor.log_in()
    await visitor.open("/docs")
    page, shown = visitor.page, set[str]()
    await expect(page.get_by_role("heading", name="What comes back")).to_be_visible(timeout=20_000)
    await expect(page.locator(".opblock").first).to_be_visible()

    async def all_of_them() -> bool:
        """Only what is on the screen is drawn."""
        shown.update(await page.locator(".opblock").evaluate_all(SHOWN))
        await page.mouse.wheel(0, STEP_PX)
        return len(shown) == OPERATIONS

    await page.mouse.move(700, 450)
    await until(all_of_them, 60, "every operation is drawn", every_s=0.05)


async def test_an_operation_is_tried_out_in_the_name_of_who_is_logged_in(visitor: Guard) -> None:
    await visitor.log_in()
    await visitor.open("/docs")
    await visitor.page.get_by_placeholder("Filter").fill("auth/me", timeout=20_000)
    operation = visitor.page.locator("#operations-auth-get_me")
    await operation.locator(".opblock-summary-control").click()
    await operation.get_by_role("button", name="Try it out").click()
    await operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table")
    await expect(answer.locator("tbody .response-col_status").first).to_contain_text("200")
    await expect(answer).to_contain_text('"name": "admin"')
