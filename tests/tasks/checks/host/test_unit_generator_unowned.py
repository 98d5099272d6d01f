from __future__ import annotations

from tasks.checks.host.unit_generator_unowned import UnitGeneratorUnowned
from tests.tasks.checks.host._facts import OLD, cannot, found, put, survey

CHECK = UnitGeneratorUnowned()


def test_a_generator_that_nobody_brought() -> None:
    file = put("generator", "/etc/systemd/system-generators/x", "#!/bin/sh\n", mode=0o755, at=OLD)
    assert found(CHECK, survey(files=(file,))) == [("high", file.path)]
    bad = put("generator", "/run/systemd/system-generators/x", "#!/bin/sh\n/tmp/x\n", mode=0o755)
    assert found(CHECK, survey(files=(bad,))) == [("critical", bad.path)]


def test_those_of_packages() -> None:
    file = put("generator", "/usr/lib/systemd/system-generators/systemd-fstab-generator", None, mode=0o755)
    assert found(CHECK, survey(files=(file,), owned=(file.path,))) == []


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "owners", "files")
