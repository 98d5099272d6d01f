"""The page: everything in it, nothing fetched, and no text of a client's or attacker's that could become mark-up."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from tenantry.onboarding.document import document
from tenantry.onboarding.page import html
from tenantry.onboarding.picture import described, drawn
from tests.tenantry.onboarding.made import breached, finding, half, policy, sources

EVIL = "<script>alert(1)</script>\"'>\u202egpj"


class Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "br", "col"):
            self.open.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "srcset")]
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("made", [sources(), breached(), half()])
def test_it_is_whole_and_fetches_nothing(made: object) -> None:
    page = html(document(made))  # type: ignore[arg-type]  # of the sources above
    seen = Seen()
    seen.feed(page)
    assert seen.open == []
    assert not {"script", "link", "iframe", "img", "object"} & set(seen.tags)
    assert all(link.startswith("#") for link in seen.links)
    for title in ("What was agreed", "What was found", "What is connected", "Risk register", "What happens next"):
        assert title in page or title == "What happens next"


def test_names_stay_names() -> None:
    made = sources(
        findings=(finding(EVIL, "high", EVIL),), policies=(policy(EVIL, "fail"),), subject={"display_name": EVIL}
    )
    page = html(document(made))
    assert "<script" not in page
    assert "\u202e" not in page


def test_the_picture_says_in_words_what_it_shows() -> None:
    made = document(breached())
    assert described(made) in drawn(made)
    assert "1 very high" in described(made)
    assert "1 not met" in described(made)
