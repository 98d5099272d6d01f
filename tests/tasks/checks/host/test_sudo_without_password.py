from __future__ import annotations

from tasks.checks.host.sudo_without_password import SudoWithoutPassword
from tenantry.sweep.check import Known
from tests.tasks.checks.host._facts import NEW, OLD, account, cannot, found, put, survey

CHECK = SudoWithoutPassword()


def rule(line: str, path: str = "/etc/sudoers.d/x", at: object = NEW) -> list[str]:
    people = (account("www-data", 33), account("alice", 1000), account("ubuntu", 1000))
    fact = survey(accounts=people, files=(put("sudoers", path, f"# NOPASSWD: ALL\n{line}\n", at=at),))  # type: ignore[arg-type]  # a time
    return [severity for severity, _ in found(CHECK, fact, Known(accounts=frozenset({"emergency"})))]


def test_root_without_a_password() -> None:
    assert rule("www-data ALL=(ALL) NOPASSWD: ALL") == ["critical"]
    assert rule("ALL ALL=(ALL:ALL) NOPASSWD:ALL") == ["critical"]
    assert rule("alice ALL=(ALL) NOPASSWD: ALL") == ["medium"]
    assert rule("alice, www-data ALL = NOPASSWD:SETENV: ALL") == ["critical", "medium"]
    assert rule("Defaults !authenticate") == ["critical"]
    assert rule("Defaults:www-data !authenticate") == ["critical"]
    assert rule("%ops ALL=(ALL) NOPASSWD: ALL", at=OLD) == ["medium"]
    assert rule("alice ALL=(root) NOPASSWD: /usr/bin/vim /etc/hosts, /usr/bin/id") == ["medium"]


def test_what_belongs_there() -> None:
    assert rule("responder ALL=(root) NOPASSWD: ALL") == []
    assert rule("ubuntu ALL=(ALL) NOPASSWD:ALL", "/etc/sudoers.d/90-cloud-init-users") == []
    assert rule("emergency ALL=(ALL) NOPASSWD:ALL") == []
    assert rule("nagios ALL=(root) NOPASSWD: /usr/lib/nagios/plugins/check_raid") == []
    assert rule("Defaults env_reset, timestamp_timeout=5") == []
    assert rule("root ALL=(ALL) NOPASSWD: ALL") == []
    assert rule("%sudo ALL=(ALL:ALL) ALL") == []


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "owners", "files")
