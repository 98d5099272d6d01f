"""What the domains of mail publish, read over names that somebody else owns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import given as random
from hypothesis import strategies as st

from flows.probing import NobodyAsked
from tasks.checks._collect.mail_domains import MailDomain, mail_domains
from tenantry.capabilities import PublicDns
from tenantry.errors import Unreachable

PUBLISHED = {
    "acme.example": ("v=spf1 include:spf.example -all", "v=spf10 is another thing"),
    "_dmarc.acme.example": ("v=DMARC1; p=reject", "a word"),
    "sub.acme.example": ("V=SPF1 redirect=acme.example",),
    "loop.example": ("v=spf1 redirect=loop.example",),
    "macro.example": ("v=spf1 redirect=%{d}.spf.example",),
    "told.example": ("v=spf1 redirect=acme.example ~all",),
    "_dmarc.example": ("v=DMARC1; p=none",),
}


class Published:
    def __init__(self, texts: Mapping[str, tuple[str, ...]]) -> None:
        self.published = texts
        self.asked = 0

    async def texts(self, name: str) -> tuple[str, ...]:
        self.asked += 1
        if name.endswith("away.example"):
            raise Unreachable(f"no resolver tells what {name} publishes")
        return self.published.get(name, ())


class Given:
    look: Any = None

    def __init__(self, public: PublicDns, *domains: str) -> None:
        self._public = public
        self._domains = frozenset(domains)

    async def capability(self, name: str) -> Any:
        return {"mail_flow": self, "public_dns": self._public}[name]

    async def domains(self) -> frozenset[str]:
        return self._domains


async def read(public: PublicDns, *domains: str) -> dict[str, MailDomain]:
    return {one.name: one async for one in mail_domains.read(Given(public, *domains))}


async def test_policies_are_followed_to_where_they_stand() -> None:
    names = ("acme.example", "sub.acme.example", "loop.example", "macro.example", "told.example", "away.example")
    found = await read(Published(PUBLISHED), *names)
    policy = ("v=spf1 include:spf.example -all",)
    assert found["acme.example"] == MailDomain("acme.example", policy, ("v=DMARC1; p=reject",))
    assert found["sub.acme.example"] == MailDomain("sub.acme.example", policy, ("v=DMARC1; p=reject",), inherited=True)
    assert found["loop.example"] == MailDomain("loop.example", PUBLISHED["loop.example"])
    assert found["told.example"].spf == PUBLISHED["told.example"], "what has an all leads nowhere else (RFC 7208, 6.1)"
    assert "depends on the mail" in found["macro.example"].unread
    assert "away.example" in found["away.example"].unread


async def test_nobody_is_asked_where_the_estate_names_no_resolver() -> None:
    assert await read(NobodyAsked(), "acme.example") == {"acme.example": MailDomain("acme.example", unasked=True)}


@random(
    st.dictionaries(st.sampled_from([*PUBLISHED, "_dmarc.sub.acme.example"]), st.lists(st.text(max_size=40)).map(tuple))
)
async def test_whatever_is_published_is_read_in_few_questions(texts: dict[str, tuple[str, ...]]) -> None:
    public = Published(texts)
    assert (await read(public, "sub.acme.example"))["sub.acme.example"]
    assert public.asked <= 10
