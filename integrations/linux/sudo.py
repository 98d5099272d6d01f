"""What needs root on a host, for each method of ``host``, and the sudoers lines that grant it.

The lines name programs with their paths and no wildcard for programs where arguments can be told beforehand. Be honest with
the client: who may edit any file as root (``sed``, ``find``, ``mv``) *is* root. The list says what we do, it does not
confine somebody who holds the key; what confines is the key's own life (a certificate of hours) and the sshd that takes it
from the responder's addresses alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

__all__ = ["BACKUP_NEEDS", "EVERYTHING", "NEEDS", "POSTURE_NEEDS", "PROGRAMS", "SERVICE_NEEDS", "sudoers"]

PROGRAMS: Final[dict[str, str]] = {
    "cat": "/usr/bin/cat",
    "chmod": "/usr/bin/chmod",
    "chpasswd": "/usr/sbin/chpasswd",
    "cut": "/usr/bin/cut -d\\: -f1\\,8 /etc/shadow",
    "find": "/usr/bin/find",
    "getcap": "/usr/sbin/getcap",
    "grep": "/usr/bin/grep",
    "journalctl": "/usr/bin/journalctl",
    "kill": "/usr/bin/kill",
    "md5sum": "/usr/bin/md5sum -c --quiet",
    "mv": "/usr/bin/mv",
    "nft": "/usr/sbin/nft",
    "passwd": "/usr/bin/passwd -S -a",
    "pkill": "/usr/bin/pkill",
    "restic": "/usr/bin/restic",
    "rpm": "/usr/bin/rpm -Va --nomtime",
    "runuser": "/usr/sbin/runuser",
    "sed": "/usr/bin/sed",
    "setsid": "/usr/bin/setsid",
    "ss": "/usr/bin/ss",
    "sshd": "/usr/sbin/sshd -T",
    "systemctl": "/usr/bin/systemctl",
    "systemd-run": "/usr/bin/systemd-run",
    "tar": "/usr/bin/tar",
    "usermod": "/usr/sbin/usermod",
    "xargs": "/usr/bin/xargs",
}
"""Program → as sudoers(5) names it, with its arguments where they are always the same."""

EVERYTHING: Final = "ALL"
"""What sudoers calls the right to run any program; no task needs it."""

NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "hosts": (),
    "facts": (),
    "accounts": ("passwd", "cut"),
    "sessions": ("find", "ss"),
    "logins": ("find", "grep", "journalctl"),
    "authorized_keys": ("sshd", "find", "tar"),
    "other_ways_in": ("find", "tar"),
    "units": (),
    "cron": ("find", "tar"),
    "processes": ("find",),
    "connections": ("ss",),
    "packages": (),
    "updates": (),
    "files": ("find", "xargs"),
    "read_file": ("cat",),
    "volatile_sources": (),
    "volatile": ("find", "ss", "nft"),
    "process_image": ("cat",),
    "survey": ("find", "tar", "ss", "grep", "passwd", "sshd", "getcap", "md5sum", "rpm"),
    "isolation": ("nft",),
    "reaches": (),
    "lock_account": ("usermod",),
    "unlock_account": ("usermod",),
    "end_sessions": ("pkill",),
    "set_key_enabled": ("find", "grep", "sed"),
    "set_unit_enabled": ("find", "mv", "systemctl"),
    "set_cron_enabled": ("find", "grep", "sed", "chmod"),
    "signal": ("kill",),
    "install_updates": ("setsid", "systemd-run"),
    "isolate": ("nft", "setsid", "systemd-run"),
    "release": ("nft",),
}
"""Method of ``host`` → programs that it runs as root. ``setsid`` where there is no systemd, ``systemd-run`` where there is."""

POSTURE_NEEDS: Final = ("cat", "find", "nft", "passwd", "ss", "sshd", "tar")
"""What :meth:`tenantry.capabilities.Posture.posture` runs as root."""

BACKUP_NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "points": ("restic",),
    "stage": ("find", "restic", "setsid"),
    "staged": ("find",),
    "compare": ("find", "xargs"),
    "put_in_place": ("find", "setsid"),
    "placing": ("find",),
    "put_back": ("find", "setsid"),
    "remove_staged": ("find",),
}
"""The same for ``host_backup``. ``setsid`` begins what goes on without us, and runs as root what that consists of."""


SERVICE_NEEDS: Final[dict[str, tuple[str, ...]]] = {
    "command": (),
    "query": ("runuser",),
    "newest_file": ("find",),
    "service_active": (),
    "start_service": ("systemctl",),
    "stop_service": ("systemctl",),
    "database_tables": ("runuser",),
    "restore_database": ("find", "runuser"),
    "database_restore": ("find", "cat"),
}
"""The same for ``host_service``; a check's own command that runs as root is granted by hand."""


def sudoers(account: str, programs: Iterable[str]) -> str:
    """Lines for a file in /etc/sudoers.d.

    Args:
        account: the responder's.
        programs: keys of :data:`PROGRAMS`.
    """
    lines = [PROGRAMS[name] for name in sorted(set(programs))]
    if not lines:
        return ""
    return f"{account} ALL=(root) NOPASSWD: " + ", \\\n    ".join(lines) + "\n"
