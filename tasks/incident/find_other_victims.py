"""`incident.find_other_victims`"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tasks._addresses import Network, canonical, home_countries, known_networks, tenant_domains, within
from tasks._rows import RowStore
from tasks._window import LookBack
from tasks.identity._sign_ins import Grouper
from tasks.incident._acts import victim_events
from tasks.incident._judge import judge
from tenantry.capabilities import Account, SignIn
from tenantry.errors import TargetNotFound
from tenantry.task import AccountRef, Context, Output, Permission, ReadTask, utc
from tenantry.timeline.attacker import AttackerEvent

MAX_IDS = 10
MAX_EXPOSED = 500


class FindOtherVictimsParams(LookBack):
    account: AccountRef
    attacker_ips: Annotated[list[str], Field(max_length=1000, description="The attacker's addresses, as far as known")]
    window_start: Annotated[
        AwareDatetime | None, Field(description="First activity of the attacker; none: not known")
    ] = None
    known_good_ips: Annotated[
        list[Network],
        Field(
            default_factory=list,
            max_length=500,
            description="Addresses or networks of the client: never an attacker's",
        ),
    ]
    examine_at_most: Annotated[
        int,
        Field(
            ge=0, le=500, description="Recipients whose own sign-ins are judged; the others are listed as not examined"
        ),
    ] = 25


class Victim(BaseModel):
    """An account that somebody else used."""

    model_config = ConfigDict(extra="forbid")

    id: str
    upn: str
    display_name: str
    synced: bool
    primary: bool
    """The account with which the incident began; contained on a person's word, whatever the logs say."""
    why: list[str]
    first_attacker_activity: datetime | None
    sign_in_ids: list[str]


class Exposed(BaseModel):
    """An account that got the attacker's mail, or shares an address, without a sign that somebody else used it."""

    model_config = ConfigDict(extra="forbid")

    id: str
    upn: str
    examined: bool
    """Whether its own sign-ins were judged."""
    why: list[str]
    evidence_ids: list[str]


class Victims(Output):
    accounts: list[Victim]
    """The primary one first. Contain all of them."""
    others: list[str]
    """Object ids of the victims besides the primary one."""
    exposed: list[Exposed]
    exposed_omitted: int
    attacker_ips: list[str]
    """With those that other victims' sign-ins brought to light."""
    own_ips: list[str]
    """Addresses of the examined accounts' ordinary sign-ins."""
    window_start: datetime | None
    """First activity of the attacker in any of the accounts."""
    limits: list[str]
    attacker_events: list[AttackerEvent] = Field(default_factory=list)
    """For the timeline: the first activity in each other account."""


class FindOtherVictims(ReadTask[FindOtherVictimsParams, Victims]):
    """Find who else: accounts entered from the attacker's addresses, and those who were written to from a taken account.

    Follows ATT&CK T1534 (internal spearphishing) from account to account: every account that is found is looked through in
    its turn, and every new address of the attacker is looked up for everybody. *Confirmed* means a successful sign-in of
    the attacker; having got the mail is *exposed*.
    """

    name = "incident.find_other_victims"
    needs = ("identity", "mail")
    permissions = (
        Permission(
            vendor="microsoft365",
            names=("AuditLog.Read.All", "Directory.Read.All", "Mail.ReadBasic.All", "User.Read.All"),
        ),
    )
    timeout = 900.0
    Params = FindOtherVictimsParams
    Output = Victims

    async def read(self, ctx: Context, p: FindOtherVictimsParams) -> Victims:
        search = _Search(ctx, p)
        await search.run()
        return await search.result()


class _Search:
    """Breadth first over addresses and accounts; each is looked at once."""

    def __init__(self, ctx: Context, p: FindOtherVictimsParams) -> None:
        self._ctx = ctx
        self._p = p
        self._start = p.start(ctx)
        self._window = utc(p.window_start) if p.window_start else None
        self._victims: dict[str, Victim] = {}
        self._exposed: dict[str, Exposed] = {}
        self._addresses: deque[str] = deque()
        self._known_ips: set[str] = set()
        self._own_ips: set[str] = set()
        self._mailboxes: deque[Victim] = deque()
        self._good = [*p.known_good_ips, *known_networks(ctx.subject)]
        self._examined = 0
        self._limits: list[str] = []
        self._known: dict[str, Account | None] = {}

    async def run(self) -> None:
        primary = await self._ctx.identity.account(self._p.account)
        for ip in self._p.attacker_ips:
            self._suspect(ip)
        self._confirm(primary, "the incident was opened on this account", self._window, [], primary_account=True)
        while self._addresses or self._mailboxes:
            while self._addresses:
                await self._by_address(self._addresses.popleft())
            if self._mailboxes:
                await self._by_mail(self._mailboxes.popleft())

    async def result(self) -> Victims:
        exposed = sorted(
            (found for id, found in self._exposed.items() if id not in self._victims), key=lambda found: found.upn
        )
        unexamined = sum(not found.examined for found in exposed)
        if unexamined:
            self._limits.append(f"the sign-ins of {unexamined} exposed accounts were not examined")
        starts = [victim.first_attacker_activity for victim in self._victims.values() if victim.first_attacker_activity]
        return Victims(
            accounts=list(self._victims.values()),
            others=[victim.id for victim in self._victims.values() if not victim.primary],
            exposed=exposed[:MAX_EXPOSED],
            exposed_omitted=max(0, len(exposed) - MAX_EXPOSED),
            attacker_ips=sorted(self._known_ips),
            own_ips=sorted(self._own_ips - self._known_ips),
            window_start=min(starts, default=None),
            limits=self._limits,
            attacker_events=victim_events(self._victims.values()),
        )

    # --- by address ---------------------------------------------------------------------------------------------------

    def _suspect(self, ip: str) -> None:
        ip = canonical(ip)
        if ip not in self._known_ips and not within(ip, self._good):
            self._known_ips.add(ip)
            self._addresses.append(ip)

    async def _by_address(self, ip: str) -> None:
        rows = RowStore(self._ctx, f"sign-ins-from/{ip.replace(':', '-')}")
        successes: dict[str, list[SignIn]] = {}
        async for sign_in in _stored(rows, self._ctx.identity.sign_ins_from(ip, self._start, self._ctx.now)):
            if sign_in.success:
                successes.setdefault(sign_in.user_id, []).append(sign_in)
        await rows.close()
        for user_id, sign_ins in sorted(successes.items()):
            sign_ins.sort(key=lambda s: (s.at, s.id))
            first, ids = utc(sign_ins[0].at), [s.id for s in sign_ins[:MAX_IDS]]
            account = await self._account(user_id)
            if account is None:
                self._limits.append(f"{sign_ins[0].upn} signed in from {ip}, but no longer exists")
            elif self._window is not None and first < self._window and account.id not in self._victims:
                # The attacker cannot have been there before the attack: a network that both use, a VPN's exit say.
                self._expose(account, f"signed in from {ip} already before the compromise: a shared network?", ids)
            else:
                self._confirm(account, f"signed in from {ip}, the attacker's address", first, ids)

    # --- by mail ------------------------------------------------------------------------------------------------------

    async def _by_mail(self, victim: Victim) -> None:
        since = victim.first_attacker_activity or self._window
        if since is None:
            self._limits.append(f"since when somebody else used {victim.upn} is not known: its mail was not followed")
            return
        domains = tenant_domains(self._ctx.subject, victim.upn)
        got: dict[str, list[tuple[datetime, str]]] = {}
        try:
            async for message in self._ctx.mail.sent(victim.id, since, self._ctx.now):
                for address in message.recipients:
                    if address.rsplit("@", 1)[-1].lower() in domains:
                        got.setdefault(address.lower(), []).append((utc(message.at), message.internet_message_id))
        except TargetNotFound:
            return  # no mailbox, nothing sent; mail.collect_mailbox reports it
        for address, messages in sorted(got.items(), key=lambda entry: min(entry[1])):
            if len(self._known) >= 4 * MAX_EXPOSED:
                self._limits.append("more recipients than can be looked up; the rest is in the evidence of sent mail")
                return
            account = await self._account(address)
            if account is None or account.id in self._victims:
                continue
            messages.sort()
            ids = [id for _, id in messages[:MAX_IDS]]
            self._expose(account, f"got {len(messages)} messages from {victim.upn} during the compromise", ids)
            await self._examine(account, messages[0][0])

    async def _examine(self, account: Account, exposed_at: datetime) -> None:
        """Judge the sign-ins of an account that got the attacker's mail: the attacker may use other addresses there."""
        found = self._exposed[account.id]
        if found.examined or self._examined >= self._p.examine_at_most:
            return
        self._examined += 1
        found.examined = True
        grouper = Grouper()
        async for sign_in in self._ctx.identity.sign_ins(account.id, self._start, self._ctx.now):
            grouper.add(sign_in)
        judgement = judge(
            grouper.groups(),
            grouper.journeys(),
            since=self._p.since,
            until=self._ctx.now,
            known_bad=self._known_ips,
            known_good=self._good,
            home_countries=home_countries(self._ctx.subject),
        )
        self._own_ips.update(judgement.own_ips)
        for suspect in judgement.suspects:
            if suspect.last_at < exposed_at:
                continue
            told = f"from {suspect.ip} after the mail: {'; '.join(suspect.reasons)}"
            if suspect.verdict == "uncertain":
                self._expose(account, f"uncertain sign-ins {told}", suspect.sign_in_ids)
            else:
                self._confirm(account, f"sign-ins {told}", max(suspect.first_at, exposed_at), suspect.sign_in_ids)
                self._suspect(suspect.ip)

    # --- what was found -----------------------------------------------------------------------------------------------

    async def _account(self, user: str) -> Account | None:
        if user not in self._known:
            try:
                self._known[user] = await self._ctx.identity.account(user)
            except TargetNotFound:
                self._known[user] = None  # a group, a contact, a shared address, or deleted since
        return self._known[user]

    def _confirm(
        self, account: Account, why: str, first: datetime | None, ids: list[str], *, primary_account: bool = False
    ) -> None:
        known = self._victims.get(account.id)
        if known is None:
            known = self._victims[account.id] = Victim(
                id=account.id,
                upn=account.upn,
                display_name=account.display_name,
                synced=account.synced,
                primary=primary_account,
                why=[],
                first_attacker_activity=None,
                sign_in_ids=[],
            )
            self._mailboxes.append(known)
        if why not in known.why:
            known.why.append(why)
        if first is not None:
            known.first_attacker_activity = min(known.first_attacker_activity or first, first)
        known.sign_in_ids.extend(id for id in ids if id not in known.sign_in_ids)

    def _expose(self, account: Account, why: str, ids: list[str]) -> None:
        found = self._exposed.setdefault(
            account.id, Exposed(id=account.id, upn=account.upn, examined=False, why=[], evidence_ids=[])
        )
        if why not in found.why:
            found.why.append(why)
        found.evidence_ids.extend(id for id in ids if id not in found.evidence_ids)


async def _stored(rows: RowStore, sign_ins: AsyncIterator[SignIn]) -> AsyncIterator[SignIn]:
    async for sign_in in sign_ins:
        await rows.add(sign_in.raw)
        yield sign_in
