"""The API's pages: every operation is shown, and can be tried out, under the policy of all pages."""

from __future__ import annotations

from playwright.async_api import expect

from tests.browser.conftest import Guard
from vmsd.api.routes import ROUTES

OPERATIONS = sum(not route.page for route in ROUTES)


async def test_every_operation_is_shown_by_the_box_itself(visitor: Guard) -> None:
    await visitor.log_in()
    await visitor.open("/docs")
    await expect(visitor.page.locator(".opblock")).to_have_count(OPERATIONS, timeout=20_000)
    await expect(visitor.page.get_by_role("heading", name="What comes back")).to_be_visible()


async def test_an_operation_is_tried_out_in_the_name_of_who_is_logged_in(visitor: Guard) -> None:
    await visitor.log_in()
    await visitor.open("/docs")
    operation = visitor.page.locator("#operations-auth-get_me")
    await operation.locator(".opblock-summary-control").click(timeout=20_000)
    await operation.get_by_role("button", name="Try it out").click()
    await operation.get_by_role("button", name="Execute").click()
    answer = operation.locator(".live-responses-table")
    await expect(answer.locator("tbody .response-col_status").first).to_contain_text("200")
    await expect(answer).to_contain_text('"name": "admin"')
