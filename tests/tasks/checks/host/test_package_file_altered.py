from __future__ import annotations

from tasks.checks.host.package_file_altered import PackageFileAltered
from tenantry.capabilities.host_survey import Altered
from tests.tasks.checks.host._facts import OLD, cannot, found, put, survey

CHECK = PackageFileAltered()


def test_a_program_that_is_not_the_packages() -> None:
    fact = survey(altered=(Altered(path="/usr/bin/ls", package="coreutils"),))
    assert found(CHECK, fact) == [("critical", "/usr/bin/ls")]


def test_a_script_under_etc_is_what_administrators_change_too() -> None:
    altered = (Altered(path="/etc/init.d/ssh"), Altered(path="/etc/cron.daily/apt"), Altered(path="/etc/grub.d/x"))
    files = (put("startup", "/etc/init.d/ssh"), put("cron", "/etc/cron.daily/apt", at=OLD))
    fact = survey(altered=altered, files=files)
    assert [severity for severity, _ in found(CHECK, fact)] == ["medium", "low", "low"]


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "altered")
