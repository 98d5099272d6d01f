from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from tenantry.timeline import Timeline
from tenantry.timeline.columns import _BREAKS, _HIDDEN, COLUMNS, message, row, visible


def test_a_row_has_the_columns_in_their_order(timeline: Timeline) -> None:
    assert all(tuple(row(event)) == COLUMNS for event in timeline.events)


def test_a_message_says_who_and_to_whom(timeline: Timeline) -> None:
    texts = [message(event) for event in timeline.events]
    assert "jon: Approved: Allow sign-in again.  | Anna was verified in person; proven by totp" in texts
    assert "Block sign-in: changed, verified (anna.berg@acme.example) | account/b7d4/enabled: yes → no" in texts


@given(st.text(st.characters(), max_size=60))
def test_what_is_shown_is_one_line_without_anything_that_acts(text: str) -> None:
    shown = visible(text)

    assert len(shown.splitlines()) <= 1
    assert not any(unicodedata.category(c) in ("Cc", "Cs") or unicodedata.bidirectional(c) in _TURNING for c in shown)
    assert visible(shown) == shown


@given(st.text(st.characters() | st.sampled_from("\u115f\u3164\uffa0\u2028\u202e\xad\ufeff\x7f→"), max_size=8))
def test_nothing_that_acts_is_taken_for_harmless(text: str) -> None:
    assert (visible(text) == text) == (not _BREAKS.search(text) and not _HIDDEN.search(text) and "\t" not in text)


_TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def test_what_was_hidden_is_named() -> None:
    assert visible("invoice\u202efdp.exe\r\nx\ty\x00") == "invoice⟨U+202E⟩fdp.exe¶x y⟨U+0000⟩"
    assert visible("Zoë 日本 👩‍💻") == "Zoë 日本 👩‍💻"
