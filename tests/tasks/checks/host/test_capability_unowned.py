from __future__ import annotations

from tasks.checks.host.capability_unowned import CapabilityUnowned
from tenantry.capabilities.host_survey import PrivilegedFile
from tests.tasks.checks.host._facts import cannot, found, survey

CHECK = CapabilityUnowned()


def able(path: str, capabilities: str) -> PrivilegedFile:
    return PrivilegedFile(path=path, kind="capabilities", capabilities=capabilities)


def test_programs_that_make_root() -> None:
    files = (
        able("/usr/bin/python3.11", "cap_setuid=ep"),
        able("/tmp/x", "cap_net_raw=ep"),
        able("/opt/x", "cap_sys_ptrace+ep"),
        able("/opt/y", "all=ep"),
        able("/opt/z", "cap_net_bind_service=ep"),
    )
    assert [severity for severity, _ in found(CHECK, survey(privileged=files, owned=("/usr/bin/python3.11",)))] == [
        "critical",
        "medium",
        "high",
        "critical",
        "low",
    ]


def test_those_of_packages() -> None:
    files = (able("/usr/bin/ping", "cap_net_raw=ep"), able("/usr/bin/newuidmap", "cap_setuid=ep"))
    assert found(CHECK, survey(privileged=files, owned=("/usr/bin/ping", "/usr/bin/newuidmap"))) == []


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "owners", "capabilities")
