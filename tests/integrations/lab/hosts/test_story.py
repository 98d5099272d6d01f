"""The story of a compromised host, as the lab tells it."""

from __future__ import annotations

from integrations.lab import Lab


def test_the_same_seed_makes_the_same_hosts() -> None:
    one, two, other = (Lab("compromised_host", seed=seed, users=20).tenant.hosts["web1"] for seed in (1, 1, 2))
    assert one.keys.keys() == two.keys.keys()
    assert one.keys.keys() != other.keys.keys()


def test_a_drill_happens_to_the_host_that_it_names() -> None:
    lab = Lab("compromised_host", users=20, host="files1")
    assert lab.scenario_info()["compromised"] == ["files1"]
    assert "sysupd" in lab.tenant.hosts["files1"].accounts
    assert "web1" not in lab.tenant.hosts


def test_innocent_things_are_named_with_their_host() -> None:
    lab = Lab("compromised_host", users=20)
    innocent = lab.scenario_info()["innocent"]
    assert "web1/accounts/alice" in innocent
    assert "web1/accounts/sysupd" not in innocent
    assert "web1/units/node-exporter.service" in innocent
    assert "db1" in innocent
