"""A client's contact at a phone: a browser with a profile on disk, and everything that left it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, Playwright, Request, sync_playwright

from tests.flows.browsing import ARGUMENTS, PATIENCE, pictures_wanted

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}


class Phone:
    """A browser with a profile on disk, and what left it."""

    def __init__(self, playwright: Playwright, context: BrowserContext) -> None:
        self.playwright = playwright
        self.context = context
        self.pictures = pictures_wanted()
        self.sent: list[bytes] = []
        self.addresses: set[str] = set()
        self.trouble: list[str] = []
        context.set_default_timeout(PATIENCE)
        context.on("request", self._note)
        context.on("dialog", lambda dialog: self.trouble.append(f"dialog: {dialog.message}"))
        context.on("weberror", lambda error: self.trouble.append(str(error.error)))

    def _note(self, request: Request) -> None:
        self.addresses.add(request.url)
        self.sent.append(request.url.encode() + b"\n" + (request.post_data_buffer or b""))
        self.sent[-1] += json.dumps(request.headers).encode()

    def open(self, link: str) -> Page:
        page = self.context.new_page()
        page.goto(link)
        return page

    def picture(self, page: Page, name: str) -> None:
        """It fits a phone and a desk. Pictures of both, light and dark, go to TENANTRY_TEST_PICTURES where that is set."""
        for width, size in (("phone", PHONE), ("desk", DESK)):
            page.set_viewport_size(size)  # type: ignore[arg-type]  # two numbers
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 0, f"{name} is wider than a {width}"
            for scheme in ("light", "dark") if self.pictures is not None else ():
                page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of the two
                file = f"{self.pictures}/drop-{name}-{width}-{scheme}.png"
                page.screenshot(path=file, full_page=True)
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # as above
        page.emulate_media(color_scheme="light")


def hand_over(page: Page, place: int) -> None:
    """Press the button of the credential at that place."""
    page.locator("#list > li").nth(place).get_by_role("button", name="Hand over").click()


@contextmanager
def phone_of(chromium: str, profile: Path) -> Iterator[Phone]:
    """A phone whose profile lies in a folder."""
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=chromium, args=ARGUMENTS, viewport=PHONE, has_touch=True, is_mobile=True
        )
        yield Phone(playwright, context)
        context.close()
