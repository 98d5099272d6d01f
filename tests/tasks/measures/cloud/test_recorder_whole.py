from __future__ import annotations

from tasks.measures.cloud.recorder_whole import RecorderWhole
from tests.tasks.checks._cloud import recorder
from tests.tasks.measures.cloud.asked import asked


def test_what_is_recorded() -> None:
    assert asked(RecorderWhole, recorder()) == []
    assert asked(RecorderWhole, recorder(recording=False, everything=False)) == [
        "it does not record",
        "it records a choice of kinds only",
    ]
