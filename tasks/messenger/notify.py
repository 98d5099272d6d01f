"""`messenger.notify`"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tenantry.capabilities import Message
from tenantry.errors import CannotCheck, StepError
from tenantry.logs import without_secrets
from tenantry.places import folders
from tenantry.runbook.templates import Templates
from tenantry.task import Change, Context, Impact, Task


class NotifyParams(BaseModel):
    model_config = ConfigDict(extra="forbid")
    template: Annotated[
        str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", description="Name of a template in runbooks/messages")
    ]
    to: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=63)]],
        Field(min_length=1, max_length=50, description="Ids or roles of the client's contacts"),
    ]
    facts: Annotated[dict[str, Any], Field(description="What the template may show")] = {}
    channel: Annotated[Literal["mail", "chat"], Field(description="How it is sent")] = "mail"
    not_to: Annotated[
        list[str],
        Field(max_length=500, description="Accounts or addresses at risk: who reads them is not written to"),
    ] = []
    when_in_doubt: Annotated[
        Literal["ask", "send_again", "leave"],
        Field(
            description="When an attempt was interrupted and the channel cannot be asked whether it arrived: ask a person, "
            "send it again (twice at worst), or leave it as unknown"
        ),
    ] = "ask"


class Notify(Task[NotifyParams]):
    """Send one message to contacts of the client, once.

    The message has a key of run, step and item, and the channel is asked whether it was accepted before it is sent. Where
    the channel cannot be asked and an earlier attempt was interrupted, nobody knows: a person decides whether it is sent
    again, unless the runbook has decided (``when_in_doubt``). A contact whose mailbox is at risk is left out: the attacker
    reads along. What looks like a credential is taken out of the text before it is sent.
    """

    name = "messenger.notify"
    needs = ("messenger",)
    impact = Impact.REVERSIBLE
    no_undo = "A message that was sent cannot be taken back; send another."
    asks_again = True
    timeout = 30.0
    Params = NotifyParams

    async def check(self, ctx: Context, p: NotifyParams) -> list[Change]:
        message = compose(ctx, p)
        path = f"message/{message.key}/sent"
        sent = await ctx.messenger.sent(message.key, p.channel)
        if ctx.seen(path, sent):
            return []
        if sent is None and ctx.in_doubt and p.when_in_doubt == "leave":
            raise _nobody_knows(p)
        after: dict[str, Any] = {"to": list(message.to) or p.channel, "subject": message.subject}
        return [Change(path=path, before=None, after=after)]

    async def guard(self, ctx: Context, p: NotifyParams) -> list[str]:
        if not ctx.in_doubt or p.when_in_doubt != "ask" or await ctx.messenger.sent(key(ctx), p.channel) is not None:
            return []
        return [
            f"an earlier attempt to send {p.template!r} was interrupted, and {p.channel} cannot be asked whether it arrived: ask the "
            "recipients; approve to send it again, deny if it arrived"
        ]

    async def apply(self, ctx: Context, p: NotifyParams, changes: list[Change]) -> None:
        for _ in changes:
            await ctx.messenger.send(compose(ctx, p))

    async def verify(self, ctx: Context, p: NotifyParams, changes: list[Change]) -> list[Change]:
        # By key. None: the channel took it without complaint and cannot be asked; its acceptance is all the proof there is.
        sent = await ctx.messenger.sent(key(ctx), p.channel)
        if sent is None and ctx.in_doubt:
            raise _nobody_knows(p)
        return changes if sent is False else []


def _nobody_knows(p: NotifyParams) -> CannotCheck:
    return CannotCheck(
        f"whether {p.template!r} was sent is not known: the attempt was interrupted and {p.channel} cannot be asked",
        remedy="Ask the recipients; then resume the run to decide, or send it by hand and note that it arrived.",
    )


def key(ctx: Context) -> str:
    """Of the message, for ever: run, step, item."""
    return "/".join(part for part in (ctx.run.run_id, ctx.run.step, ctx.run.item) if part)


def compose(ctx: Context, p: NotifyParams) -> Message:
    """The message as it would be sent now.

    Raises:
        StepError: nobody is left to write to; also when the template lacks a fact.
        NotFound, InvalidRunbook: the template is missing or wrong.
    """
    rendered = Templates(folders("messages")).render(p.template, p.facts)
    return Message(
        key=key(ctx),
        channel=p.channel,
        to=recipients(ctx, p) if p.channel == "mail" else (),
        # Facts come from systems where attackers choose names and people write passwords into rules.
        subject=without_secrets(rendered.subject),
        text=without_secrets(rendered.text),
    )


def recipients(ctx: Context, p: NotifyParams) -> tuple[str, ...]:
    """Addresses of the contacts named by id or role, each once, those at risk left out."""
    at_risk = {name.lower() for name in p.not_to}
    contacts = [contact for contact in ctx.subject.get("contacts") or () if isinstance(contact, Mapping)]
    found: dict[str, None] = {}
    left_out = []
    for contact in contacts:
        if not {contact.get("id"), contact.get("role")} & set(p.to):
            continue
        email = str(contact.get("email") or "")
        if {email.lower(), str(contact.get("account") or "").lower()} & at_risk:
            left_out.append(str(contact.get("id")))
        elif email:
            found[email] = None
    if not found:
        why = f" ({', '.join(left_out)}: mailbox at risk)" if left_out else ""
        raise StepError(
            f"no contact with an address outside the compromise is {' or '.join(p.to)}{why}",
            remedy="Call the client, add such a contact to the tenant's file, then resume the run.",
        )
    return tuple(found)
