from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tenantry.timeline import Timeline, TimelineEvent
from tests.support.sample_run import Sample, sample_run, timeline_of


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """A finished run."""
    return sample_run(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="session")
def timeline(sample: Sample) -> Timeline:
    return timeline_of(sample, tenant_title="Acme Logistics GmbH")


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Timeline]:
    """A timeline of a run recorded as asked for."""
    return lambda **how: timeline_of(sample_run(tmp_path, **how))


@pytest.fixture(scope="session")
def hostile(timeline: Timeline) -> Callable[[str], Timeline]:
    """The timeline with a text of somebody else's choice wherever a text can come from outside."""

    def event(e: TimelineEvent, text: str) -> TimelineEvent:
        return replace(e, title=text, detail=text, actor=text, target=text, source_id=text)

    def make(text: str) -> Timeline:
        return replace(
            timeline,
            subject=text,
            tenant_title=text,
            requested_by=text,
            severity=text,
            summary=[text],
            unknown=[text],
            events=[event(e, text) for e in list(timeline.events)[::6]],
            steps=[
                replace(
                    row,
                    title=text,
                    item=text,
                    note=text,
                    error=text,
                    remedy=text,
                    approvals=[text],
                    changes=[{"path": text, "before": text, "after": {text: [text]}}],
                )
                for row in timeline.steps[::5]
            ],
            decisions=[
                replace(
                    d,
                    question=text,
                    item=text,
                    reasons=[text],
                    answers=[{**answer, "by": text, "reason": text, "method": text} for answer in d.answers],
                )
                for d in timeline.decisions
            ],
            findings=[
                replace(f, kind=text, label=text, owner=text, reason=text, source_ids=[text]) for f in timeline.findings
            ],
            evidence=[replace(row, name=text) for row in timeline.evidence],
            clocks=[replace(c, name=text, source=text, duty=text, determined_by=text) for c in timeline.clocks],
        )

    return make
