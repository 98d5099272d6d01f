from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.timeline.markup import Markup, h, join, long_text, text


@given(st.text(st.characters()))
def test_a_text_is_never_mark_up(value: str) -> None:
    for made in (text(value), h("p", value), h("p", title=value), join(value), long_text(value)):
        inner = made
        for own in (
            "<p>",
            "</p>",
            "<p title=",
            "<bdi>",
            "</bdi>",
            "<details>",
            "</details>",
            "<summary>",
            "<br>",
            "</summary>",
        ):
            inner = Markup(inner.replace(own, ""))
        assert "<" not in inner
        assert inner.count('"') in (0, 2)


def test_what_is_made_here_passes() -> None:
    assert h("p", "a & b ", h("b", "<x>")) == "<p>a &amp; b <b>&lt;x&gt;</b></p>"
    assert h("rect", class_="a", x=1.25, y=2.0, data_row=True, hidden=False, title=None) == (
        '<rect class="a" x="1.2" y="2" data-row></rect>'
    )
    assert h("meta", name="x") == '<meta name="x">'


@pytest.mark.parametrize("name", ["", "p onload=x", "script><b", "1"])
def test_an_elements_name_is_a_name(name: str) -> None:
    with pytest.raises(ValueError, match="name of an element"):
        h(name)


def test_long_texts_open_on_demand_and_absurd_ones_are_cut() -> None:
    assert "<details>" not in long_text("a" * 200)
    assert "<details>" in long_text("a" * 400)
    assert len(long_text("a" * 1_000_000)) < 10_000
