from __future__ import annotations

from tasks.checks.files.links_and_downloads import LinksAndDownloads
from tests.tasks.checks.asked import assert_answered


def test_its_detections_answer_it() -> None:
    assert_answered(LinksAndDownloads())
