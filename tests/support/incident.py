"""A compromised account with look-alikes beside what the attacker left, in fakes. The story of the tests of an incident."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tenantry.capabilities import (
    Account,
    AuditRecord,
    AuthMethod,
    Consent,
    Delegate,
    Device,
    DirectoryEvent,
    Forwarding,
    InboxRule,
    MobileDevice,
    SentMessage,
)
from tenantry.task import ReadTask

from .fakes import NOW, FakeTenant, sign_in

EVIL, OTHER_EVIL, OWN = "203.0.113.66", "203.0.113.71", "192.0.2.10"
BEGAN = NOW - timedelta(hours=26)
ATTACKER = {"ip": EVIL, "country": "NL", "agent": "Chrome Linux"}


def story() -> FakeTenant:
    """Alice was taken over and Bob was phished from her; Carol got the mail too and is fine."""
    tenant = FakeTenant()
    alice, bob, carol = (tenant.add_account(name) for name in ("alice", "bob", "carol"))
    for account in (alice, bob, carol):
        tenant.identity.sign_in_list += [
            sign_in(account, NOW - timedelta(days=day, hours=3), id=f"{account.id}-home-{day}") for day in range(1, 29)
        ]
    _alice(tenant, alice)
    tenant.identity.sign_in_list += [
        sign_in(bob, BEGAN + timedelta(hours=5), **{**ATTACKER, "ip": OTHER_EVIL}, id="evil-bob")
    ]
    tenant.mail.sent_list[alice.id] = [
        SentMessage(
            id=f"m-{n}",
            at=BEGAN + timedelta(hours=3),
            subject="Updated remittance",
            recipients=(to,),
            internet_message_id=f"<m-{n}@acme.example>",
            raw={"id": f"m-{n}"},
        )
        for n, to in enumerate(["bob@acme.example", "carol@acme.example", "cfo@partner.example", "all@acme.example"])
    ]
    return tenant


def _alice(tenant: FakeTenant, alice: Account) -> None:
    tenant.identity.sign_in_list += [
        sign_in(alice, BEGAN + timedelta(hours=n), **ATTACKER, id=f"evil-{n}") for n in range(3)
    ]
    tenant.identity.method_list[alice.id] = [
        method("password", "passwordMethods", None),
        method("own-phone", "phoneMethods", NOW - timedelta(days=400)),
        method("own-new", "fido2Methods", BEGAN + timedelta(hours=10)),
        method("evil-app", "microsoftAuthenticatorMethods", BEGAN + timedelta(minutes=25)),
    ]
    tenant.identity.consent_list[alice.id] = [
        consent("own-app", verified=True, scope="Mail.Read offline_access", sp="sp-own"),
        consent("evil-app-grant", verified=False, scope="Mail.ReadWrite offline_access", sp="sp-evil"),
    ]
    tenant.identity.device_list[alice.id] = [
        device("own-laptop", NOW - timedelta(days=300)),
        device("evil-pc", BEGAN + timedelta(minutes=40)),
    ]
    tenant.mail.rule_list[alice.id] = [
        rule("1", "Newsletters", move_to_folder="Newsletters"),
        rule("2", "Travel", move_to_folder="Travel"),
        rule("3", ".", move_to_folder="RSS Feeds", mark_read=True),
        rule("4", "sync", hidden=True, forward_to=("drop@evil.example",)),
    ]
    tenant.mail.forwarding_of[alice.id] = Forwarding(smtp_address="smtp:drop@evil.example", keep_copy=True)
    tenant.mail.delegate_list[alice.id] = [
        delegate("assistant@acme.example"),
        delegate("bob@acme.example"),
        delegate("bob@acme.example", "send_as"),
    ]
    tenant.mail.device_list[alice.id] = [
        MobileDevice(id="own-iphone", name="iPhone", first_sync=NOW - timedelta(days=200), raw={}),
        MobileDevice(id="evil-phone", name="Android", first_sync=BEGAN + timedelta(hours=1), raw={}),
    ]
    tenant.identity.event_list = [
        event("e-method", "User registered security info", BEGAN + timedelta(minutes=25), EVIL, alice.id),
        event("e-own-method", "User registered security info", BEGAN + timedelta(hours=10), OWN, alice.id),
        event("e-consent", "Consent to application", BEGAN + timedelta(minutes=5), EVIL, "sp-evil"),
        event("e-device", "Register device", BEGAN + timedelta(minutes=40), EVIL, "evil-pc"),
    ]
    tenant.logs.record_list = [
        audit("a-travel", "New-InboxRule", BEGAN + timedelta(hours=9), OWN, {"Name": "Travel"}),
        audit("a-rule", "New-InboxRule", BEGAN + timedelta(minutes=12), EVIL, {"Name": "."}),
        audit("a-hidden", "UpdateInboxRules", BEGAN + timedelta(minutes=14), EVIL, {}, object_id=f"{alice.upn}\\4"),
        audit(
            "a-forward",
            "Set-Mailbox",
            BEGAN + timedelta(minutes=20),
            EVIL,
            {"ForwardingSmtpAddress": "smtp:drop@evil.example"},
        ),
        audit("a-full", "Add-MailboxPermission", BEGAN + timedelta(hours=6), EVIL, {"User": "bob@acme.example"}),
        audit("a-send", "Add-RecipientPermission", BEGAN + timedelta(hours=6), EVIL, {"Trustee": "bob@acme.example"}),
        audit("a-read", "MailItemsAccessed", BEGAN + timedelta(hours=1), EVIL, {}),
    ]


def method(id: str, kind: str, created_at: datetime | None) -> AuthMethod:
    return AuthMethod(id=id, kind=kind, label=id, created_at=created_at, raw={"id": id})


def consent(id: str, *, verified: bool, scope: str, sp: str) -> Consent:
    return Consent(
        id=id,
        kind="delegated",
        account_id="id-alice",
        app_id=f"client-{id}",
        app_name=id,
        app_verified=verified,
        resource_id="sp-graph",
        scope=scope,
        created_at=None,
        raw={"id": id, "clientId": sp, "resourceId": "sp-graph", "principalId": "id-alice"},
    )


def device(id: str, registered_at: datetime) -> Device:
    return Device(id=id, name=id, enabled=True, operating_system="Windows", registered_at=registered_at, raw={"id": id})


def rule(id: str, name: str, **changes: Any) -> InboxRule:
    facts: dict[str, Any] = {
        "id": id,
        "name": name,
        "enabled": True,
        "hidden": False,
        "forward_to": (),
        "redirect_to": (),
        "move_to_folder": None,
        "delete": False,
        "mark_read": False,
        "raw": {"RuleIdentity": id, "Name": name},
    }
    return InboxRule(**{**facts, **changes})


def delegate(trustee: str, kind: Any = "full_access") -> Delegate:
    return Delegate(kind=kind, trustee=trustee, rights=(kind,), raw={"User": trustee})


def event(id: str, activity: str, at: datetime, ip: str, *targets: str) -> DirectoryEvent:
    return DirectoryEvent(
        id=id,
        at=at,
        activity=activity,
        actor_upn="alice@acme.example",
        actor_ip=ip,
        target_ids=targets,
        raw={"id": id},
    )


def audit(
    id: str,
    operation: str,
    at: datetime,
    ip: str,
    parameters: dict[str, str],
    *,
    actor: str = "alice@acme.example",
    object_id: str = "alice@acme.example",
) -> AuditRecord:
    return AuditRecord(
        id=id,
        at=at,
        service="Exchange",
        operation=operation,
        actor=actor,
        ip=ip,
        object_id=object_id,
        parameters=parameters,
        raw={"Id": id, "Operation": operation},
    )


async def read(tenant: FakeTenant, task: type[ReadTask[Any, Any]], *, mode: str = "run", **params: Any) -> Any:
    """What the task reads, after a trip through JSON as the journal takes it."""
    instance = task()
    output = await instance.read(tenant.context(instance, mode=mode), instance.Params.model_validate(params))
    assert tenant.writes == [] or mode == "run"
    return instance.Output.model_validate_json(output.model_dump_json())
