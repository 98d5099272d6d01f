from __future__ import annotations

import typst
from hypothesis import given
from hypothesis import strategies as st

from tenantry.timeline.glyphs import breakable, covered, printable

LAYOUT = b"""
#set document(title: "x")
#set text(lang: "en", font: ("Libertinus Serif", "DejaVu Sans Mono"))
#for line in json(bytes(sys.inputs.data)) [#par(line) #par(text(weight: 600, line)) #par(raw(line))]
"""


def typeset(texts: list[str]) -> bytes:
    import json

    return typst.compile(
        LAYOUT,
        sys_inputs={"data": json.dumps(texts)},
        format="pdf",
        pdf_standards=["a-2a", "ua-1"],
        ignore_system_fonts=True,
    )


def test_every_covered_character_has_a_glyph() -> None:
    """PDF/A refuses a character without one, so this fails when a new typst brings other fonts."""
    characters = [c for c in covered() if not c.isspace()]
    assert len(characters) > 3_000
    assert typeset([f"a{c}" for c in characters])


def test_ordinary_names_stay_as_they_are() -> None:
    for name in ("Anna Müller", "Łukasz Żółć", "Ολγα", "Дмитрий", "אנה", "أحمد", "Nguyễn Thị Hồng", "→ “x” …"):
        assert printable(name) == name


def test_what_has_no_glyph_is_shown_by_its_code() -> None:
    assert printable("中a\U0001f4e7") == "⟨U+4E2D⟩a⟨U+1F4E7⟩"
    assert printable("\u202eexe.\x00") == "⟨U+202E⟩exe.⟨U+0000⟩"
    assert printable("\ue000") == "⟨U+E000⟩"


def test_marks_do_not_pile_up() -> None:
    assert printable("Z" + "\u0301\u0302" * 40) == printable("Z" + "\u0301\u0302\u0301\u0302")
    assert len(printable("Z" + "\u0301\u0302" * 40)) < 6


@given(st.lists(st.text(st.characters(), max_size=40), min_size=1, max_size=20))
def test_whatever_the_text_it_can_be_typeset(texts: list[str]) -> None:
    assert typeset([breakable(printable(text)) for text in texts])


@given(st.text(max_size=200), st.integers(8, 60))
def test_long_words_can_break_and_lose_nothing(text: str, width: int) -> None:
    broken = breakable(text, width)
    assert broken.replace("\u200b", "") == text.replace("\u200b", "")
    assert all(len(piece) <= width for word in broken.split(" ") for piece in word.split("\u200b"))


def test_addresses_break_at_their_joints() -> None:
    assert breakable("anna.berg@logistics.acme.example", 12).split("\u200b")[1] == "berg@"
