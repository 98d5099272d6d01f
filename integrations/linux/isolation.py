"""Cutting a host off with nftables, so that it comes back by itself if we lose it.

One table of our own, replaced as a whole in one transaction. Its chains drop everything but the loopback, ssh from the
responder's addresses, and what keeps the host's own address alive (DHCP, neighbour discovery). No state is kept, so
connections that existed before are cut like new ones. A drop in any base chain is final, whatever other tables accept
(nft(8), "Verdict statement").

The dead man's timer: until we have come in over a *new* connection and said so, a second table exists, whose name only
this attempt knows. The timer on the host deletes both tables in one transaction; with the second one gone, the
transaction fails and nothing happens. So there is no timer to be found and stopped, and one of an earlier attempt cannot
undo a later one.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from integrations.linux.command import Command
from tenantry.capabilities import Isolation
from tenantry.errors import Rejected, VendorFault

__all__ = [
    "TABLE",
    "address",
    "arm",
    "collapsed",
    "confirm",
    "release",
    "rules",
    "ruleset",
    "state",
    "tables",
    "tokens",
]

TABLE: Final = "tenantry_isolation"
_UNCONFIRMED: Final = "tenantry_unconfirmed_"
_TOKEN: Final = re.compile(rf"{_UNCONFIRMED}([0-9a-f]{{16}})\Z")


def address(value: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """An address or network, as nft takes it. Raises Rejected."""
    try:
        return ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise Rejected("this is no IP address or network", remedy="Name addresses, not host names.") from None


def collapsed(values: Iterable[str]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """Addresses and networks in order, those within others left out: nft takes no set whose members overlap."""
    networks = [address(value) for value in values]
    return [
        *ipaddress.collapse_addresses(n for n in networks if isinstance(n, ipaddress.IPv4Network)),
        *ipaddress.collapse_addresses(n for n in networks if isinstance(n, ipaddress.IPv6Network)),
    ]


def _set(networks: Iterable[Any]) -> str:
    return ", ".join(str(network) for network in networks)


def ruleset(allowed: Sequence[str], port: int, token: str, mirrors: Sequence[str] = ()) -> bytes:
    """The transaction for ``nft -f -``.

    Args:
        allowed: addresses and networks that get through, to the ssh port and back.
        port: the ssh port.
        token: sixteen hexadecimal digits, new for each attempt.
        mirrors: addresses to whose web server the host may still go, for updates.
    """
    networks = collapsed(allowed)
    if not networks:
        raise Rejected("an isolation that lets nobody in would lock us out as well")
    into, out = [], []
    sources = collapsed(mirrors)
    for version, family in ((4, "ip"), (6, "ip6")):
        of = [network for network in networks if network.version == version]
        if of:
            into.append(f"{family} saddr {{ {_set(of)} }} tcp dport {port} accept")
            out.append(f"{family} daddr {{ {_set(of)} }} tcp sport {port} accept")
        packages = [network for network in sources if network.version == version]
        if packages:
            into.append(
                f"{family} saddr {{ {_set(packages)} }} tcp sport {{ 80, 443 }} tcp flags & (syn | ack) != syn accept"
            )
            out.append(f"{family} daddr {{ {_set(packages)} }} tcp dport {{ 80, 443 }} accept")
    chains = "\n".join(
        (
            "  chain input { type filter hook input priority -300; policy drop;",
            '    iifname "lo" accept',
            *(f"    {rule}" for rule in into),
            "    udp sport 67 udp dport 68 accept",
            "    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert } accept",
            "  }",
            "  chain output { type filter hook output priority -300; policy drop;",
            '    oifname "lo" accept',
            *(f"    {rule}" for rule in out),
            "    udp sport 68 udp dport 67 accept",
            "    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit } accept",
            "  }",
            "  chain forward { type filter hook forward priority -300; policy drop; }",
        )
    )
    return (
        f"table inet {_UNCONFIRMED}{token} {{}}\n"
        f"table inet {TABLE} {{}}\ndelete table inet {TABLE}\n"
        f"table inet {TABLE} {{\n{chains}\n}}\n"
    ).encode()


def arm(token: str, seconds: int, *, systemd: bool) -> Command:
    """Start the timer. It is armed before the rules are there: until then its transaction fails, and changes nothing."""
    undo = f"delete table inet {_UNCONFIRMED}{token}; delete table inet {TABLE}"
    if systemd:
        return Command.of(
            "systemd-run",
            "--collect",
            "--quiet",
            f"--unit=tenantry-rollback-{token}",
            f"--on-active={seconds}s",
            "--timer-property=AccuracySec=100ms",
            "nft",
            undo,
            root=True,
        )
    # setsid --fork: away from the session, which ends with the connection; its files closed, so that sshd does not wait.
    return Command.of(
        "setsid",
        "--fork",
        "sh",
        "-c",
        'exec </dev/null >/dev/null 2>&1; sleep "$1"; exec nft "$2"',
        "tenantry-rollback",
        str(seconds),
        undo,
        root=True,
    )


def confirm(token: str) -> Command:
    return Command.of("nft", f"delete table inet {_UNCONFIRMED}{token}", root=True)


def release(unconfirmed: Iterable[str]) -> Command:
    """All of it, in one transaction; what is not there is made first, so that nothing fails."""
    names = [TABLE, *(f"{_UNCONFIRMED}{token}" for token in unconfirmed)]
    return Command.of("nft", "; ".join(f"add table inet {n}; delete table inet {n}" for n in names), root=True)


def tables() -> Command:
    return Command.of("nft", "-j", "list", "tables", root=True)


def rules() -> Command:
    return Command.of("nft", "-j", "list", "table", "inet", TABLE, root=True)


def tokens(listed: Any) -> tuple[bool, list[str]]:
    """Whether our table is there, and the tokens of attempts that nobody has confirmed, out of ``nft -j list tables``."""
    names = [
        str(entry["table"].get("name"))
        for entry in _entries(listed)
        if isinstance(entry.get("table"), dict) and entry["table"].get("family") == "inet"
    ]
    return TABLE in names, [match[1] for name in names if (match := _TOKEN.match(name))]


def state(listed: Any, unconfirmed: Sequence[str]) -> Isolation:
    """What ``nft -j list table`` shows. Active only when all three chains drop: half a table is none."""
    chains = {
        chain.get("hook"): chain.get("policy")
        for entry in _entries(listed)
        if isinstance(chain := entry.get("chain"), dict)
    }
    active = all(chains.get(hook) == "drop" for hook in ("input", "output", "forward"))
    allowed: list[Any] = []
    for entry in _entries(listed):
        rule = entry.get("rule")
        if not isinstance(rule, dict) or rule.get("chain") != "input":
            continue
        ports = [part["match"]["left"] for part in rule.get("expr", ()) if isinstance(part, dict) and "match" in part]
        if not any(isinstance(p, dict) and p.get("payload", {}).get("field") == "dport" for p in ports):
            continue  # answers of a mirror: nobody gets in by it
        for part in rule.get("expr", ()):
            match = part.get("match", {}) if isinstance(part, dict) else {}
            left = match.get("left", {})
            if isinstance(left, dict) and left.get("payload", {}).get("field") == "saddr":
                allowed += _networks(match.get("right"))
    return Isolation(
        active=active,
        confirmed=active and not unconfirmed,
        allowed=tuple(str(n) for n in collapsed(map(str, allowed))),
    )


def _networks(right: Any) -> list[Any]:
    if isinstance(right, dict) and "set" in right:
        return [network for one in right["set"] for network in _networks(one)]
    if isinstance(right, dict) and "prefix" in right:
        return [address(f"{right['prefix']['addr']}/{right['prefix']['len']}")]
    if isinstance(right, dict) and "range" in right:  # neighbouring networks, merged
        first, last = (ipaddress.ip_address(str(end)) for end in right["range"])
        return list(ipaddress.summarize_address_range(first, last))
    return [address(str(right))]


def _entries(listed: Any) -> list[dict[str, Any]]:
    found = listed.get("nftables") if isinstance(listed, dict) else None
    if not isinstance(found, list):
        raise VendorFault("nft answered in another form than it should", vendor="linux")
    return [entry for entry in found if isinstance(entry, dict)]
