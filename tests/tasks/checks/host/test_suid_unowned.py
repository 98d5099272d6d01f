from __future__ import annotations

from tasks.checks.host.suid_unowned import SuidUnowned
from tenantry.capabilities.host_survey import PrivilegedFile
from tests.tasks.checks.host._facts import NEW, OLD, cannot, found, survey

CHECK = SuidUnowned()


def suid(path: str, kind: str = "suid", uid: int = 0, **of: object) -> PrivilegedFile:
    return PrivilegedFile.model_validate({"path": path, "kind": kind, "uid": uid, "changed_at": NEW, **of})


def test_programs_that_give_rights_away() -> None:
    files = (
        suid("/dev/shm/.x/sh"),
        suid("/usr/local/bin/report"),
        suid("/opt/x", changed_at=OLD),
        suid("/usr/bin/find"),
        suid("/usr/games/x", "sgid"),
    )
    assert [severity for severity, _ in found(CHECK, survey(privileged=files, owned=("/usr/bin/find",)))] == [
        "critical",
        "critical",
        "medium",
        "critical",
        "medium",
    ]


def test_those_of_packages() -> None:
    files = (suid("/usr/bin/passwd"), suid("/usr/bin/ssh-agent", "sgid"), suid("/x", "capabilities"))
    assert found(CHECK, survey(privileged=files, owned=("/usr/bin/passwd", "/bin/ssh-agent"))) == []


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "owners", "privileged")
