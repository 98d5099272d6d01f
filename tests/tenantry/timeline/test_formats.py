from __future__ import annotations

from io import BytesIO

import pytest

from tenantry.errors import InvalidInput
from tenantry.timeline import FORMATS, Timeline, format_named


def test_names_and_suffixes() -> None:
    assert list(FORMATS) == ["html", "pdf", "md", "csv", "jsonl", "timesketch", "stix", "ocsf", "iris"]
    assert all(name == format.name for name, format in FORMATS.items())
    assert len({format.suffix for format in FORMATS.values()}) == len(FORMATS)
    assert FORMATS["timesketch"].suffix.endswith(".jsonl")  # its importer refuses other names


def test_an_unknown_format_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidInput, match="html, pdf, md, csv"):
        format_named("docx")


def test_every_format_tells_every_event(timeline: Timeline) -> None:
    for format in FORMATS.values():
        assert format.export(timeline, BytesIO()) == len(list(timeline.events))
        assert format.summary
