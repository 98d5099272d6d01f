from __future__ import annotations

from tasks.checks._collect.mail_flow import OutboundDomain
from tasks.measures.mail.forwards_kept_in import ForwardsKeptIn
from tenantry.capabilities.mail_flow import RemoteDomain
from tests.tasks.measures.cloud.asked import asked


def domain(*, lets: bool, kept_in: bool | None = None) -> OutboundDomain:
    return OutboundDomain(RemoteDomain(name="Default", domain="*", auto_forward=lets, raw={}), kept_in)


def test_what_the_remote_domain_lets_out_counts_whatever_else_keeps_it_in() -> None:
    assert asked(ForwardsKeptIn, domain(lets=False)) == []
    assert asked(ForwardsKeptIn, domain(lets=True)) == ["automatic forwards are let out"]
    assert asked(ForwardsKeptIn, domain(lets=True, kept_in=False)) == ["automatic forwards are let out"]
