"""Keys that lie elsewhere than where people look, and ways in that no key shows: on a real host, as an intruder would leave them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from integrations.linux.provider import PROVIDER
from integrations.linux.sshd_files import Configured, configured_by, started_with
from tests.support.hosts import SMALL, HostNet, Key, host_net

_SETUP = """
mkdir -p usr/local/lib/.k etc/ssh/more.d
echo '{command}' > usr/local/lib/.k/root; echo '{user}' > usr/local/lib/.k/bob; echo '{other}' > usr/local/lib/.k/second
chroot . useradd -m -s /bin/bash bob
cat >> etc/ssh/sshd_config.d/odd.conf <<'END'
Match User "bob"
  AuthorizedKeysFile=/usr/local/lib/.k/%u
Match Address 203.0.113.0/24,2001:db8::/32
  authorizedkeysfile "/usr/local/lib/.k/%u"   # a comment
  PermitRootLogin yes
  AuthorizedKeysCommand /usr/local/lib/.k/who %u
  AuthorizedKeysCommandUser nobody
END
printf 'Port 2222\nAuthorizedKeysFile /usr/local/lib/.k/second\nInclude more.d/*.conf\nHostKey /etc/ssh/tenantry_test_key\nUsePAM no\n' > etc/ssh/second
echo 'TrustedUserCAKeys /etc/ssh/theirs.pub' > etc/ssh/more.d/ca.conf
"""


@pytest.fixture(scope="module")
def keys() -> dict[str, Key]:
    return {name: Key() for name in ("command", "user", "other")}


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory, keys: dict[str, Key]) -> Iterator[HostNet]:
    with host_net(tmp_path_factory.mktemp("hosts")) as made:
        made.add("odd1", setup=SMALL + _SETUP.format(**{name: key.public for name, key in keys.items()}))
        made.add("plain1")
        made.hosts["odd1"].run("/usr/sbin/sshd -f /etc/ssh/second")
        yield made


async def test_keys_of_every_block_and_of_every_sshd_are_listed(net: HostNet, keys: dict[str, Key]) -> None:
    handle = await PROVIDER.open(net.settings("odd1", "plain1"), net.secrets())
    host = handle.capability("host")
    found = {key.fingerprint: key for key in await host.authorized_keys("odd1")}
    ways = {(way.directive, way.value, way.condition, way.path) for way in await host.other_ways_in("odd1")}
    plain = await host.other_ways_in("plain1")
    await handle.aclose()
    assert {name for name, key in keys.items() if key.fingerprint in found} == {"command", "user", "other"}
    assert (found[keys["user"].fingerprint].account, found[keys["command"].fingerprint].account) == ("bob", "root")
    assert ("AuthorizedKeysCommand", "/usr/local/lib/.k/who %u", "Address 203.0.113.0/24,2001:db8::/32") in {
        way[:3] for way in ways
    }
    assert ("TrustedUserCAKeys", "/etc/ssh/theirs.pub", "", "/etc/ssh/more.d/ca.conf") in ways
    assert plain == []


async def test_a_survey_lists_the_same_keys(net: HostNet) -> None:
    """What a sweep sees of a host is what containment takes away."""
    handle = await PROVIDER.open(net.settings("odd1"), net.secrets())
    host = handle.capability("host")
    found, listed = await host.survey("odd1"), await host.authorized_keys("odd1")
    assert "keys" not in found.unread, found.unread
    assert {(k.path, k.fingerprint, k.account) for k in found.keys} == {
        (k.path, k.fingerprint, k.account) for k in listed
    }
    await handle.aclose()


def test_what_was_not_read_is_said() -> None:
    listening = "sshd: sshd -f /srv/second [listener] 0 of 10-100 startups"
    usual = b"Include sshd_config.d/*.conf /srv/d/* other\nMatch User a\nAuthorizedKeysFile /k/a"
    read = {
        b"/etc/ssh/sshd_config": usual,
        b"/etc/ssh/sshd_config.d/x.conf": b"AuthorizedKeysFile /k/x",
        b"/etc/ssh/sshd_config.d/x.off": b"AuthorizedKeysFile /k/off",
    }
    found, absent = configured_by(read, [listening, "bash"])
    assert found.key_files == [b"/k/a", b"/k/x"]
    assert absent == [b"/srv/second", b"/srv/d/*", b"/etc/ssh/other"]


async def test_a_key_from_a_block_is_put_out_of_force_where_it_lies(net: HostNet, keys: dict[str, Key]) -> None:
    handle = await PROVIDER.open(net.settings("odd1"), net.secrets())
    host = handle.capability("host")
    (theirs,) = [key for key in await host.authorized_keys("odd1") if key.fingerprint == keys["user"].fingerprint]
    await host.set_key_enabled("odd1", theirs, False)
    (after,) = [key for key in await host.authorized_keys("odd1") if key.fingerprint == keys["user"].fingerprint]
    await handle.aclose()
    assert not after.enabled
    assert net.hosts["odd1"].run("cat /usr/local/lib/.k/bob").startswith("#tenantry-quarantined ")


@pytest.mark.parametrize(
    ("title", "file", "options"),
    [
        ("sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups", None, []),
        ("sshd: /usr/sbin/sshd -f/tmp/c -D [listener] 0 of 10-100 startups", b"/tmp/c", []),
        (
            "sshd: sshd -o AuthorizedKeysFile=/x -f conf [listener] 1 of 10-100 startups",
            b"/etc/ssh/conf",
            [b"AuthorizedKeysFile /x"],
        ),
        ("sshd: root@pts/0", None, []),
        ("sshd: root@notty [listener", None, []),
        ("", None, []),
    ],
)
def test_what_an_sshd_was_started_with(title: str, file: bytes | None, options: list[bytes]) -> None:
    assert started_with(title) == (file, options)


def test_lines_as_sshd_reads_them() -> None:
    found = Configured()
    found.take(
        "/c",
        [
            b"# AuthorizedKeysFile /no",
            b"AuthorizedKeysFile none",
            b"TrustedUserCAKeys none",
            b'Match User "a b"',
            b"\tTrustedUserCAKeys = /ca",
            b"Match all",
            b"HostbasedAuthentication yes",
            b'AuthorizedKeysFile "/open',
            b"\xff\xfe",
            b"Include",
        ],
    )
    assert [(way.directive, way.condition) for way in found.ways] == [
        ("TrustedUserCAKeys", "User a b"),
        ("HostbasedAuthentication", ""),
    ]
    assert found.key_files == [b'"/open']
    assert found.includes == []
