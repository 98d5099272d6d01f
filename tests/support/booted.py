"""A real systemd as the first process of a test's host, with the system bus, a journal and sshd as its units.

Debian's own packages, in namespaces of processes, mounts, network and control groups. What would reach beyond the host is not there: /dev is its own,
/proc/sys and /sys cannot be written, and of what belongs to starting a machine (udev, sysctl, modules, mounts) nothing is started.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

EMPTY = """
rm -rf lib/systemd/system/sysinit.target.wants/* lib/systemd/system/local-fs.target.wants/* lib/systemd/system/timers.target.wants/*
rm -rf etc/systemd/system/sysinit.target.wants etc/systemd/system/timers.target.wants etc/systemd/system/getty.target.wants
find etc/systemd/system/multi-user.target.wants -lname '/lib/*' -delete
"""
"""Before anything is set up: nothing of this machine's own is started."""

BOOT = r"""
umount -l dev
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/shm dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for node in "null 3" "zero 5" "full 7" "random 8" "urandom 9"; do mknod -m 666 dev/${node% *} c 1 ${node#* }; done
mknod -m 666 dev/tty c 5 0
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -o remount,bind,ro sys
echo "$2" > etc/hostname
: > etc/fstab
cat > etc/systemd/system/sshd-test.service <<'END'
[Unit]
DefaultDependencies=no
[Service]
ExecStart=/usr/sbin/sshd -D -f /etc/ssh/tenantry_test
RuntimeDirectory=sshd
RuntimeDirectoryPreserve=yes
KillMode=process
END
cat > etc/systemd/system/tenantry-test.target <<'END'
[Unit]
Wants=multi-user.target sshd-test.service dbus.service systemd-journald.service
AllowIsolate=yes
END
pivot_root . mnt
exec chroot . /bin/sh -c 'umount -l /mnt; exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=tenantry-test.target --show-status=0 --log-target=console' </dev/null
"""
"""Instead of starting sshd; with the host's root as working directory."""


class ControlGroup:
    """A control group of one host, on the unified hierarchy, wherever that is mounted."""

    def __init__(self, name: str) -> None:
        root = _unified()
        assert root is not None, "ask can() before"
        self._folder = root / f"tenantry-test-{name}"
        self._folder.mkdir()

    def entered(self, other: Callable[[], None]) -> Callable[[], None]:
        """What a child does before its program begins."""

        def enter() -> None:
            (self._folder / "cgroup.procs").write_text(str(os.getpid()))
            other()

        return enter

    def remove(self) -> None:
        """With all that systemd made below it; its processes have been killed, and end in a moment."""
        for _ in range(200):
            for folder, _below, _files in os.walk(self._folder, topdown=False):
                with contextlib.suppress(OSError):
                    Path(folder).rmdir()
            if not self._folder.exists():
                return
            time.sleep(0.02)


def can() -> bool:
    """Whether this machine has what such a host is made of."""
    programs = all(shutil.which(name) for name in ("systemctl", "dbus-daemon", "pivot_root"))
    return programs and Path("/lib/systemd/systemd").exists() and os.access(_unified() or "/nowhere", os.W_OK)


def _unified() -> Path | None:
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(place)
    return None
