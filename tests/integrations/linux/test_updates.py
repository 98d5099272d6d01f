"""Updates on a real host, from an archive of its own: apt sees them, installs exactly them, by itself."""

from __future__ import annotations

import asyncio

import pytest

from integrations.linux.provider import PROVIDER
from tests.support.hosts import HostNet

_ARCHIVE = """
mkdir -p srv/archive
for version in 1.0 2.0; do
  for name in tenantry-holed tenantry-other; do
    mkdir -p tmp/pkg/DEBIAN
    printf 'Package: %s\\nVersion: %s\\nArchitecture: all\\nMaintainer: t <t@t.example>\\nDescription: t\\n' $name $version > tmp/pkg/DEBIAN/control
    chroot . dpkg-deb --build --root-owner-group /tmp/pkg /srv/archive/$name-$version.deb >/dev/null
    rm -r tmp/pkg
  done
done
cd srv/archive
for name in tenantry-holed tenantry-other; do
  file=$name-2.0.deb
  printf 'Package: %s\\nVersion: 2.0\\nArchitecture: all\\nMaintainer: t\\nFilename: ./%s\\nSize: %s\\nSHA256: %s\\nDescription: t\\n\\n' \\
    $name $file $(stat -c %s $file) $(sha256sum $file | cut -d' ' -f1)
done > Packages
printf 'Origin: Debian\\nLabel: Debian-Security\\nSuite: stable-security\\nSHA256:\\n %s %s Packages\\n' \\
  $(sha256sum Packages | cut -d' ' -f1) $(stat -c %s Packages) > Release
cd ../..
rm -rf etc/apt/sources.list etc/apt/sources.list.d/* var/lib/apt/lists/*
echo 'deb [trusted=yes] file:/srv/archive ./' > etc/apt/sources.list
chroot . dpkg -i /srv/archive/tenantry-holed-1.0.deb /srv/archive/tenantry-other-1.0.deb >/dev/null
chroot . apt-get -qq update
"""


@pytest.mark.parametrize("systemd", [False, True], ids=["without systemd", "with systemd"])
async def test_exactly_the_updates_that_were_seen(net: HostNet, systemd: bool) -> None:
    name = f"patched{systemd:d}"
    (host,) = net.add(name, setup=_ARCHIVE, systemd=systemd)
    handle = await PROVIDER.open(net.settings(name), net.secrets())
    hosts = handle.capability("host")
    pending = await hosts.updates(name)
    assert {(u.id, u.present, u.offered, u.security) for u in pending} == {
        ("tenantry-holed", "1.0", "2.0", True),
        ("tenantry-other", "1.0", "2.0", True),
    }
    await hosts.install_updates(name, [u for u in pending if u.id == "tenantry-holed"])
    for _ in range(400):
        if {u.id for u in await hosts.updates(name)} == {"tenantry-other"}:
            break
        await asyncio.sleep(0.1)
    assert {p.id: p.version for p in await hosts.packages(name) if p.id.startswith("tenantry")} == {
        "tenantry-holed": "2.0",
        "tenantry-other": "1.0",
    }
    for _ in range(200):  # with systemd its hooks still look for who wants to know
        if "apt-get" not in host.run("ps -eo args"):
            break
        await asyncio.sleep(0.1)
    assert "apt-get" not in host.run("ps -eo args"), "it ends by itself"
    await handle.aclose()
