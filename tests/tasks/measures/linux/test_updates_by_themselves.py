from __future__ import annotations

from typing import Any

import pytest

from tasks.measures.linux.updates_by_themselves import UpdatesByThemselves
from tests.tasks.measures.linux.hosts import answered, unit

APT = unit("apt-daily-upgrade.timer")
DNF = unit("dnf-automatic.timer")


def said(files: dict[str, str], units: Any, *packages: str) -> Any:
    return answered(UpdatesByThemselves, contents=files, units=units, packages=set(packages))


@pytest.mark.parametrize(
    ("line", "on"),
    [
        ('APT::Periodic::Unattended-Upgrade "1";', True),
        ('APT { Periodic {\nUnattended-Upgrade "always";\n}; };', True),
        ('APT::Periodic::Unattended-Upgrade "0";', False),
        ('// APT::Periodic::Unattended-Upgrade "1";', False),
        ("", False),
    ],
)
def test_apt(line: str, on: bool) -> None:
    found = said({"/etc/apt/apt.conf.d/20auto-upgrades": line}, APT, "unattended-upgrades")
    assert found == ([] if on else ["nothing installs updates by itself"])


def test_apt_without_its_timer_or_program() -> None:
    files = {"/etc/apt/apt.conf.d/20auto-upgrades": 'APT::Periodic::Unattended-Upgrade "1";'}
    assert said(files, {}, "unattended-upgrades") == ["apt-daily-upgrade.timer does not run"]
    assert said(files, APT) == ["nothing installs updates by itself"]


def test_dnf() -> None:
    assert said({"/etc/dnf/automatic.conf": "apply_updates = yes"}, DNF) == []
    assert said({"/etc/dnf/automatic.conf": "apply_updates = no"}, DNF) == ["updates are fetched, and not installed"]
    assert said({}, unit("dnf-automatic-install.timer")) == []
