"""The checks that there are: what they declare, and that the detections and statistics which they name exist."""

from __future__ import annotations

from functools import cache

import pytest

from tenantry.capabilities import CAPABILITIES
from tenantry.places import SHIPPED
from tenantry.sweep.check import BaseCheck, LogCheck
from tenantry.sweep.discover import checks
from tenantry.sweep.engine import Detections
from tenantry.sweep.sources import FORMATS
from tenantry.sweep.statistics import STATISTICS

CHECKS = checks()


@cache
def names(log: str) -> frozenset[str]:
    rules = Detections.load(log, (SHIPPED / "detections",)).rules
    detections = {rule.key for rule in rules.rules if not rule.silent} | {one.key for one in rules.correlations}
    return frozenset(detections | STATISTICS[log])


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_it_reads_what_there_is(check: BaseCheck) -> None:
    assert set(check.collect.needs) <= CAPABILITIES.keys()
    assert check.collect.log is None or check.collect.log in FORMATS
    assert check.summary()
    assert check.title == check.title.strip()
    assert check.remedy.endswith(".")


@pytest.mark.parametrize(
    "check", [check for check in CHECKS if isinstance(check, LogCheck)], ids=lambda check: check.name
)
def test_the_detections_that_it_names_exist(check: LogCheck) -> None:
    assert check.collect.log is not None
    unknown = sorted(set(check.rules) - names(check.collect.log))
    assert unknown == [], f"no detection and no statistic of {check.collect.log} is called so"
