from __future__ import annotations

import base64
import hashlib
import itertools
import re
from collections.abc import Callable
from html.parser import HTMLParser
from io import BytesIO

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tenantry.timeline import Timeline
from tenantry.timeline.columns import visible
from tenantry.timeline.export_html import export

VOID = {"meta", "input", "br"}
ELEMENTS = {
    *("html", "head", "meta", "title", "style", "body", "a", "header", "nav", "main", "section", "footer", "script"),
    *(
        "h1",
        "h2",
        "h3",
        "p",
        "div",
        "span",
        "b",
        "small",
        "code",
        "bdi",
        "time",
        "dl",
        "dt",
        "dd",
        "ul",
        "li",
        "figure",
    ),
    *("br", "table", "caption", "thead", "tbody", "tr", "th", "td", "details", "summary"),
    *("form", "label", "select", "option", "input", "button", "output"),
    *("svg", "desc", "g", "rect", "line", "path", "polyline", "circle", "text"),
}


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: dict[str, int] = {}
        self.attributes: list[tuple[str, str, str | None]] = []
        self.texts: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen[tag] = self.seen.get(tag, 0) + 1
        self.attributes += [(tag, name, value) for name, value in attrs]
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("script", "style"):
            self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError("a comment")


def page(timeline: Timeline) -> str:
    out = BytesIO()
    assert export(timeline, out) == len(list(timeline.events))
    return out.getvalue().decode()


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


def check_harmless(reader: Reader) -> None:
    assert set(reader.seen) <= ELEMENTS
    assert reader.seen["script"] == reader.seen["style"] == 1
    for _, name, value in reader.attributes:
        assert not name.startswith("on")
        assert name not in {"style", "src", "srcset", "action", "formaction", "srcdoc", "xlink:href"}
        if name == "href":
            assert value is not None
            assert value.startswith("#")
    assert len(reader.ids) == len(set(reader.ids))


def test_the_page_is_whole_and_fetches_nothing(timeline: Timeline) -> None:
    html = page(timeline)
    reader = read(html)

    check_harmless(reader)
    urls = set(re.findall(r"https?://[^\s\"'<)]+", html)) - {"http://www.w3.org/2000/svg"}
    assert urls == set()
    assert "@import" not in html
    assert "url(" not in html


def test_the_policy_names_script_and_style_by_their_digests(timeline: Timeline) -> None:
    html = page(timeline)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)

    for kind in ("script", "style"):
        (body,) = re.findall(rf"<{kind}>(.*?)</{kind}>", html, re.S)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"{kind}-src &#x27;sha256-{digest}&#x27;" in policy
    assert policy.startswith("default-src &#x27;none&#x27;")
    assert "unsafe" not in policy


def test_what_the_page_says(timeline: Timeline) -> None:
    reader = read(page(timeline))
    text = " ".join(reader.texts)

    for words in (
        *("Business email compromise", "Acme Logistics GmbH", "mira (identity proven)", "Status: Completed"),
        *("Severity: high", "26 h 3 min", "Verified contained", "Put down to the attacker (4)", "66 h 9 min left"),
        *("Left for a person to judge (1)", "Kept: the persons' own (3)", "ab" * 32, "approved, proven by totp"),
        *("changed, verified", "platform interrupted", "What is not known", timeline.record.last_leaf),
    ):
        assert words in text
    assert {"summary", "picture", "unknown", "clocks", "attacker", "findings", "decisions"} <= set(reader.ids)
    assert reader.seen["tr"] > len(list(timeline.events)) + len(timeline.steps)


def test_contents_lead_to_sections(timeline: Timeline) -> None:
    reader = read(page(timeline))
    targets = [value for _, name, value in reader.attributes if name == "href" and value]
    assert len(targets) > 8
    assert all(target.removeprefix("#") in reader.ids for target in targets)


def test_it_can_be_read_without_seeing_it(timeline: Timeline) -> None:
    html = page(timeline)
    reader = read(html)

    assert '<html lang="en">' in html
    assert ("svg", "role", "img") in reader.attributes
    assert "9 events of the attacker" in " ".join(reader.texts)  # the picture's description
    heads = [name for tag, name, _ in reader.attributes if tag == "th"]
    assert heads.count("scope") == reader.seen["th"]
    levels = [int(level) for level in re.findall(r"<h([1-3])", html)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


@settings(max_examples=50, deadline=None)
@given(text=st.text(st.characters(), max_size=80))
@example(text="<script>alert(1)</script>")
@example(text="</script><script>alert(1)</script>")
@example(text='" onmouseover="alert(1)" x="')
@example(text="</svg></title><img src=x onerror=alert(1)>")
@example(text="<!-- --><![CDATA[ x ]]>")
@example(text="&lt;b&gt; &#x27;")
@example(text="\u202etxt.exe\u2066\x00\ud800")
@example(text="x" * 30_000)
def test_hostile_text_stays_text(hostile: Callable[[str], Timeline], text: str) -> None:
    reader = read(page(hostile(text)))

    check_harmless(reader)
    if len(text) < 60 and visible(text).strip():
        assert visible(text) in "".join(reader.texts)


def test_a_run_that_waits_and_a_drill_say_so_at_the_top(make: Callable[..., Timeline]) -> None:
    timeline = make(unfinished=True, mode="drill")
    text = " ".join(read(page(timeline)).texts)
    assert "Drill: this ran on a stand-in tenant." in text
    assert text.index("Drill: this ran") < text.index("What happened")


def test_thousands_of_steps(make: Callable[..., Timeline]) -> None:
    timeline = make(spray=400)
    html = page(timeline)
    reader = read(html)

    check_harmless(reader)
    assert "user0399@acme.example" in html
    (picture,) = re.findall(r'<svg [^>]*class="picture" xmlns.*?</svg>', html, re.S)
    assert len(picture) < 120_000  # crowded marks are joined
