"""Which package a file belongs to, on hosts with dpkg and with rpm (a stand-in that prints what rpm's own format would)."""

from __future__ import annotations

from integrations.linux.provider import PROVIDER
from tests.support.hosts import HostNet

_JOBS = r"""
printf '0 1 * * * root /usr/bin/true\n' | tee etc/cron.d/package.s > etc/cron.d/packageXs
printf '0 1 * * * root /usr/bin/true\n' > "$(printf 'etc/cron.d/a\n.list:b')"
"""
_DPKG = "printf '/etc/cron.d/package.s\\n/etc/cron.daily\\n' > var/lib/dpkg/info/tenantry-jobs:amd64.list\n"
_RPM = r"""
mount -t tmpfs tmpfs var/lib/dpkg
cat > usr/bin/rpm <<'END'
#!/bin/sh
[ "$*" = '-qa --qf [%{=NAME}\t%{FILENAMES}\n]' ] || exit 1
printf 'cronie\t/etc/cron.d\ntenantry-jobs\t/etc/cron.d/package.s\nglibc\t/usr/lib64/libc.so.6\n'
END
chmod 755 usr/bin/rpm
"""


async def test_packages_are_found_by_dpkg_and_by_rpm(net: HostNet) -> None:
    net.add("debian", setup=_JOBS + _DPKG)
    net.add("redhat", setup=_JOBS + _RPM)
    handle = await PROVIDER.open(net.settings("debian", "redhat"), net.secrets())
    hosts = handle.capability("host")
    for name in ("debian", "redhat"):
        found = {job.path: job.package for job in await hosts.cron(name) if job.path.startswith("/etc/cron.d/")}
        assert found["/etc/cron.d/package.s"] == "tenantry-jobs", name
        assert found["/etc/cron.d/packageXs"] is None, "a name is no pattern"
        assert all(package is None for path, package in found.items() if "\n" in path)
    await handle.aclose()
