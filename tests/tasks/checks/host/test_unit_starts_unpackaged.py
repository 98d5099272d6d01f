from __future__ import annotations

from tasks.checks.host.unit_starts_unpackaged import UnitStartsUnpackaged
from tests.tasks.checks.host._facts import OLD, cannot, found, put, survey

CHECK = UnitStartsUnpackaged()


def test_a_program_beside_the_real_ones() -> None:
    unit = put(
        "unit", "/etc/systemd/system/a.service", "[Service]\nExecStart=-/usr/lib/systemd/systemd-healthd --quiet\n"
    )
    assert found(CHECK, survey(files=(unit,))) == [("high", unit.path)]


def test_one_with_a_name_of_its_own_matters_less() -> None:
    unit = put("unit", "/etc/systemd/system/a.service", "[Service]\nExecStart=/usr/bin/exporter\n")
    assert found(CHECK, survey(files=(unit,))) == [("medium", unit.path)]


def test_programs_of_packages_and_of_administrators() -> None:
    units = (
        put("unit", "/etc/systemd/system/a.service", "[Service]\nExecStart=/usr/bin/python3 /srv/app.py\n"),
        put("unit", "/etc/systemd/system/b.service", "[Service]\nExecStart=/opt/b/b\n"),
        put("unit", "/etc/systemd/system/c.service", "[Service]\nExecStart=/usr/lib/c\n", at=OLD),
    )
    assert found(CHECK, survey(files=units, owned=("/usr/bin/python3",))) == []


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "owners", "files")
