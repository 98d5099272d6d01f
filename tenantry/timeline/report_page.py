"""What all reports that are one HTML file have in common: a page that fetches nothing and runs nothing, its cover, its contents, its sections."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence

from tenantry.timeline.markup import Markup, h, join
from tenantry.timeline.typeset import layout

__all__ = ["cover", "report_page"]

Section = tuple[str, str, Iterable[Markup]]
"""Name for links, title, and what stands in it; one in which nothing stands is left out."""


def report_page(title: str, head: Markup, sections: Iterable[Section], *, style: str, foot: str) -> str:
    """The whole file.

    Args:
        head: the cover.
        style: rules beside those that all reports have.
    """
    rules = layout("style.css") + style
    digest = base64.b64encode(hashlib.sha256(f"\n{rules}\n".encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    about = join(
        h("meta", charset="utf-8"),
        h("meta", http_equiv="Content-Security-Policy", content=policy),
        h("meta", name="viewport", content="width=device-width, initial-scale=1"),
        h("meta", name="referrer", content="no-referrer"),
        h("meta", name="robots", content="noindex"),
        h("title", title),
    )
    shown = [(name, called, parts) for name, called, found in sections if (parts := list(found))]
    body = join(
        h("a", "Skip to the summary", href="#summary", class_="skip"),
        head,
        h("nav", *(h("a", called, href=f"#{name}") for name, called, _ in shown), class_="toc", aria_label="Contents"),
        h("main", *(_section(name, called, parts) for name, called, parts in shown)),
        h("footer", h("p", foot)),
    )
    return f'<!doctype html>\n<html lang="en">\n<head>\n{about}<style>\n{rules}\n</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n'


def _section(name: str, title: str, parts: Sequence[Markup]) -> Markup:
    return h("section", h("h2", title, id=f"{name}-h"), *parts, id=name, aria_labelledby=f"{name}-h")


def cover(kind: str, title: str, client: str, badges: Iterable[Markup], facts: Iterable[tuple[str, Markup]]) -> Markup:
    """The first thing that is seen.

    Args:
        kind: of report, in two words.
        facts: name and value.
    """
    named = h("div", h("p", kind, class_="eyebrow"), h("h1", title), h("p", h("bdi", client), class_="subject"))
    return h(
        "header",
        h("div", named, h("div", *badges, class_="badges"), class_="coverhead"),
        h("dl", *(h("div", h("dt", name), h("dd", value)) for name, value in facts), class_="facts"),
        class_="cover",
    )
