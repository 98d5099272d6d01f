from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.microsoft365._read import address, at, literal, merged, odata_time, text, when


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-21T10:00:00Z", datetime(2026, 11, 21, 10, tzinfo=UTC)),
        ("2026-11-21T10:00:00.1234567Z", datetime(2026, 11, 21, 10, 0, 0, 123456, tzinfo=UTC)),
        ("2026-11-21T10:00:00", datetime(2026, 11, 21, 10, tzinfo=UTC)),
        ("2026-11-21T12:00:00+02:00", datetime(2026, 11, 21, 10, tzinfo=UTC)),
        ("", None),
        (None, None),
        ("soon", None),
        (5, None),
    ],
)
def test_times(value: object, expected: datetime | None) -> None:
    assert when(value) == expected


def test_an_entry_without_a_time_is_the_oldest() -> None:
    assert at(None) < at("1970-01-01T00:00:00Z")


def test_times_for_filters() -> None:
    assert odata_time(datetime(2026, 11, 21, 12, tzinfo=timezone(timedelta(hours=2)))) == "2026-11-21T10:00:00.000Z"


@given(st.text())
def test_a_literal_cannot_be_left(value: str) -> None:
    quoted = literal(value)
    assert quoted[0] == quoted[-1] == "'"
    assert "'" not in quoted[1:-1].replace("''", "")
    assert quoted[1:-1].replace("''", "'") == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("203.0.113.66", "203.0.113.66"),
        ("203.0.113.66:33758", "203.0.113.66"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("::ffff:203.0.113.66", "203.0.113.66"),
        ("", ""),
        (None, ""),
        ("<null>", "<null>"),
    ],
)
def test_addresses(value: object, expected: str) -> None:
    assert address(value) == expected


@pytest.mark.parametrize(("value", "expected"), [(None, ""), ("a", "a"), (5, "5")])
def test_texts(value: object, expected: str) -> None:
    assert text(value) == expected


Entry = tuple[int, str]


async def _stream(entries: list[Entry]) -> AsyncIterator[Entry]:
    for entry in entries:
        yield entry


@given(st.lists(st.lists(st.integers(0, 8), max_size=12), max_size=4))
async def test_streams_merge_newest_first_each_entry_once(streams: list[list[int]]) -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    entries = [sorted({(number // 2, str(number)) for number in stream}, reverse=True) for stream in streams]
    found = [
        entry
        async for entry in merged(
            [_stream(one) for one in entries], lambda one: start + timedelta(hours=one[0]), lambda one: one[1]
        )
    ]
    assert [moment for moment, _ in found] == sorted((moment for moment, _ in found), reverse=True)
    assert sorted(found) == sorted({entry for one in entries for entry in one})
