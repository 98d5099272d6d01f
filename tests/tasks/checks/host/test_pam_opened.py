from __future__ import annotations

from tasks.checks.host.pam_opened import PamOpened
from tests.tasks.checks.host._facts import OLD, cannot, found, put, survey

CHECK = PamOpened()


def pam(line: str, **of: object) -> list[str]:
    file = put("pam", "/etc/pam.d/sshd", f"# auth required pam_exec.so /x\n{line}\n", **of)  # type: ignore[arg-type]  # as put() takes them
    return [severity for severity, _ in found(CHECK, survey(files=(file,), owned=("/usr/libexec/ours",)))]


def test_what_takes_passwords_or_lets_everybody_in() -> None:
    assert pam("auth optional pam_exec.so quiet expose_authtok /usr/local/bin/n") == ["critical"]
    assert pam("session optional pam_exec.so /opt/x", at=OLD) == ["medium"]
    assert pam("auth sufficient pam_permit.so") == ["critical"]
    assert pam("auth required /usr/local/lib/pam_x.so") == ["critical"]
    assert found(CHECK, survey(files=(put("pam_module", "/usr/lib/x86_64-linux-gnu/security/pam_x.so", None),))) == [
        ("critical", "/usr/lib/x86_64-linux-gnu/security/pam_x.so")
    ]


def test_what_distributions_write() -> None:
    assert (
        pam(
            "auth required pam_permit.so\nauth [success=1 default=ignore] pam_unix.so nullok\naccount sufficient pam_permit.so"
        )
        == []
    )
    assert pam("session optional pam_exec.so seteuid /usr/libexec/ours") == []
    module = put("pam_module", "/usr/lib/x86_64-linux-gnu/security/pam_unix.so", None)
    assert found(CHECK, survey(files=(module,), owned=(module.path,))) == []


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "owners", "files")
