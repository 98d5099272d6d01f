"""A real day with labelled attacks, where it lies beside the checkout: TENANTRY_CLOUDTRAIL_LAB names the folder.

The tool that carried the attacks out left its name in user agents and resources. It is taken out before: user agents
become ones that the same principal uses elsewhere that day, names become ordinary ones.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from tenantry.places import SHIPPED
from tenantry.sweep.engine import Detections, sweep_logs
from tenantry.sweep.model import Sweep, rank
from tests.support.tools import needs

_TOOL = re.compile(r"stratus[-_ ]?red[-_ ]?team|stratusredteam|stratus", re.IGNORECASE)
Labels = dict[str, str]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sweep, Labels]:
    named = os.environ.get("TENANTRY_CLOUDTRAIL_LAB")
    if not named:
        pytest.skip("TENANTRY_CLOUDTRAIL_LAB names no folder")
    folder = Path(named)
    needs((folder / "labels.json").is_file(), "the labelled day")
    files = {path: json.loads(path.read_text())["Records"] for path in sorted((folder / "CloudTrail").iterdir())}
    agents: dict[str, Counter[str]] = defaultdict(Counter)
    for records in files.values():
        for record in records:
            if not _TOOL.search(record.get("userAgent") or ""):
                agents[_principal(record)][record.get("userAgent") or ""] += 1
    busiest = max(agents.values(), key=Counter.total)
    rng = random.Random(20230710)
    out = tmp_path_factory.mktemp("lab")
    for path, records in files.items():
        for record in records:
            if _TOOL.search(record.get("userAgent") or ""):
                own = agents.get(_principal(record), busiest)
                (record["userAgent"],) = rng.choices(list(own), list(own.values()))
        text = _TOOL.sub("inventory", json.dumps({"Records": records}))
        assert not _TOOL.search(text)
        (out / path.name).write_text(text)
    labels = {
        id: one["technique"] for one in json.loads((folder / "labels.json").read_text()) for id in one["eventIDs"]
    }
    return sweep_logs([out], Detections.load("cloudtrail", (SHIPPED / "detections",)), scratch=out.parent), labels


def _principal(record: dict[str, Any]) -> str:
    return str(record["userIdentity"].get("arn"))


def test_techniques_found_and_alerts_beside_them(lab: tuple[Sweep, Labels]) -> None:
    found, labels = lab
    techniques = set(labels.values())
    assert len(techniques) == 26
    serious = [one for one in found.findings if rank(one.severity) >= rank("medium")]
    hit = {labels[id] for one in serious for id in one.event_ids if id in labels}
    beside = [(one.rule, id) for one in serious for id in one.event_ids if id not in labels]
    assert len(hit) >= 24, techniques - hit
    assert len(beside) <= 50
    assert len([one for one in serious if not labels.keys() & set(one.event_ids)]) <= 5


def test_the_attacker_stands_on_top(lab: tuple[Sweep, Labels]) -> None:
    found, _ = lab
    assert found.entities[0]["id"].endswith(":user/bert-jan")
    assert found.entities[0]["score"] > 3 * found.entities[1]["score"]
    assert any("through" in part for part in found.entities[0]["because"])


def test_everything_was_read(lab: tuple[Sweep, Labels]) -> None:
    found, _ = lab
    assert (found.events_read, found.events_unreadable) == (2900, 0)
    assert found.rules_not_evaluated == []
