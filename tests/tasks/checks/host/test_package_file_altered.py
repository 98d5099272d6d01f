from __future__ import annotations

from tasks.checks.host.package_file_altered import PackageFileAltered
from tenantry.capabilities.host_survey import Altered
from tests.tasks.checks.host._facts import cannot, found, survey

CHECK = PackageFileAltered()


def test_a_program_that_is_not_the_packages() -> None:
    fact = survey(altered=(Altered(path="/usr/bin/ls", package="coreutils"),))
    assert found(CHECK, fact) == [("critical", "/usr/bin/ls")]


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "altered")
