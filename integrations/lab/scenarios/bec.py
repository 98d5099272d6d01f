"""Business email compromise: an accounts payable manager's mailbox is taken over and used to phish a colleague.

About 26 hours before the lab begins the attacker signs in as the manager from abroad, with the right password. They consent to a mail
application, hide replies with one visible and one hidden rule, forward the mailbox, register an authenticator and a device, phish the company, take over
a second account, and give it the first one's mailbox. The password is not changed: the owner is not to notice.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from integrations.lab.clock import iso, iso7
from integrations.lab.mailbox import graph_rule_id, rule
from integrations.lab.records import Record
from integrations.lab.scenarios.stage import FINANCE, SECOND, Stage
from integrations.lab.state import OFFICE_IP

ATTACKER_IP = "203.0.113.66"
OTHER_ATTACKER_IP = "203.0.113.71"
COLLECTOR = "ap-archive@mailvault-collect.example"
_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36"
_RECIPIENTS = 24


def build(stage: Stage) -> None:
    """Fill the tenant with the story."""
    tenant = stage.tenant
    began = tenant.start - timedelta(hours=26)
    story = tenant.story
    story.began_at = began
    story.compromised = [stage.upn(FINANCE), stage.upn(SECOND)]
    story.attacker = {
        "ips": [ATTACKER_IP, OTHER_ATTACKER_IP],
        "country": "NL",
        "addresses": [COLLECTOR],
        "user_agent": _AGENT,
    }
    attackers_sign_ins(stage, FINANCE, began, ATTACKER_IP)
    _consent(stage, began + timedelta(minutes=5))
    _rules(stage, began + timedelta(minutes=12))
    _forwarding(stage, began + timedelta(minutes=20))
    _footholds(stage, began + timedelta(minutes=25))
    _phish(stage, began + timedelta(hours=3))
    attackers_sign_ins(stage, SECOND, began + timedelta(hours=5), OTHER_ATTACKER_IP)
    _second_account(stage, began + timedelta(hours=5, minutes=20))


def _note(stage: Stage, name: str, /, **facts: Any) -> None:
    stage.tenant.story.artefacts[name] = facts


def attackers_sign_ins(stage: Stage, index: int, began: datetime, ip: str) -> None:
    """Somebody else signs in as this person from then on, while the person works on at home."""
    tenant = stage.tenant
    # The owner works on at home: the two places cannot be reached in that time.
    tenant.add_sign_in(index, began - timedelta(minutes=55), OFFICE_IP)
    tenant.add_sign_in(index, began + timedelta(minutes=35), OFFICE_IP)
    listed = []
    for at, minutes in enumerate((0, 9, 130, 410, 800, 1180)):
        when = min(began + timedelta(minutes=minutes), tenant.start - timedelta(minutes=10 + at))
        entry = tenant.add_sign_in(
            index,
            when,
            ip,
            "Amsterdam",
            "NL",
            browser="Chrome 129.0.0",
            system="Linux",
            agent=_AGENT,
            app="OfficeHome" if at == 0 else "Office 365 Exchange Online",
            risk="medium" if at == 0 else "none",
            events=("unfamiliarFeatures",) if at == 0 else (),
        )
        refresh = tenant.add_sign_in(
            index,
            when + timedelta(minutes=4),
            ip,
            "Amsterdam",
            "NL",
            browser="Chrome 129.0.0",
            system="Linux",
            agent=_AGENT,
            interactive=False,
        )
        listed += [entry["id"], refresh["id"]]
    _note(stage, "sign_ins" if index == FINANCE else "second_sign_ins", ids=listed, ip=ip, first_at=iso(began))
    tenant.directory.keep(index)
    tenant.person(index).risk = Record(
        stage.id(index),
        {
            "index": index,
            "riskLevel": "medium",
            "riskState": "atRisk",
            "riskDetail": "none",
            "riskLastUpdatedDateTime": iso7(began),
        },
    )


def _consent(stage: Stage, at: datetime) -> None:
    tenant = stage.tenant
    app = stage.principal(tenant.dice.guid("malicious app"), "Mail Archive Sync Pro", None)
    scope = "Mail.ReadWrite Mail.Send offline_access User.Read"
    grant = stage.grant(app.id, FINANCE, scope, "malicious")
    assigned = stage.assign(FINANCE, app, at, "malicious")
    modified = [{"displayName": "ConsentAction.Permissions", "oldValue": None, "newValue": f'"{scope}"'}]
    tenant.add_directory_audit(
        "Consent to application",
        at,
        FINANCE,
        ATTACKER_IP,
        [
            {
                "id": app.id,
                "displayName": app.props["displayName"],
                "type": "ServicePrincipal",
                "userPrincipalName": None,
                "groupType": None,
                "modifiedProperties": modified,
            }
        ],
        category="ApplicationManagement",
        operation="Assign",
    )
    tenant.add_directory_audit(
        "Add app role assignment grant to user",
        at,
        FINANCE,
        ATTACKER_IP,
        [stage.target(FINANCE)],
        operation="Assign",
    )
    tenant.add_unified(
        "Consent to application.",
        at,
        stage.upn(FINANCE),
        ATTACKER_IP,
        app.props["appId"],
        service="AzureActiveDirectory",
        record_type="AzureActiveDirectory",
        parameters={"ConsentAction.Permissions": scope},
    )
    _note(
        stage,
        "consent",
        grant_id=grant.id,
        app_role_assignment_id=assigned.id,
        service_principal_id=app.id,
        app_id=app.props["appId"],
        app_name=app.props["displayName"],
        scope=scope,
        at=iso(at),
    )


def _rules(stage: Stage, at: datetime) -> None:
    tenant = stage.tenant
    box = tenant.mailbox(FINANCE)
    visible = rule(
        tenant.rule_identity("attacker", "visible"),
        ".",
        priority=2,
        contains=["invoice", "payment", "bank details", "wire"],
        move_to="rssfeeds",
        mark_read=True,
        stop=True,
    )
    hidden = rule(
        tenant.rule_identity("attacker", "hidden"),
        "sync",
        priority=3,
        hidden=True,
        forward_to=[COLLECTOR],
        contains=["invoice", "remittance"],
    )
    for made, operation in ((visible, "New-InboxRule"), (hidden, "UpdateInboxRules")):
        box.rules.add(made)
        tenant.add_unified(
            operation,
            at,
            stage.upn(FINANCE),
            ATTACKER_IP,
            f"{stage.upn(FINANCE)}\\{made.id}",
            parameters={"Name": made.props["name"], "SubjectOrBodyContainsWords": ";".join(made.props["contains"])},
        )
        at += timedelta(minutes=2)
    _note(
        stage,
        "rule",
        mailbox=stage.upn(FINANCE),
        identity=visible.id,
        graph_id=graph_rule_id(visible.id),
        name=visible.props["name"],
        hidden=False,
    )
    _note(
        stage,
        "hidden_rule",
        mailbox=stage.upn(FINANCE),
        identity=hidden.id,
        graph_id=graph_rule_id(hidden.id),
        name=hidden.props["name"],
        hidden=True,
        forwards_to=COLLECTOR,
    )


def _forwarding(stage: Stage, at: datetime) -> None:
    tenant = stage.tenant
    settings = tenant.mailbox(FINANCE).settings
    settings.props.update(ForwardingSmtpAddress=f"smtp:{COLLECTOR}", DeliverToMailboxAndForward=True)
    tenant.mailbox(FINANCE).changed_at = iso(at)
    tenant.add_unified(
        "Set-Mailbox",
        at,
        stage.upn(FINANCE),
        ATTACKER_IP,
        stage.upn(FINANCE),
        parameters={"ForwardingSmtpAddress": f"smtp:{COLLECTOR}", "DeliverToMailboxAndForward": "True"},
    )
    _note(stage, "forwarding", mailbox=stage.upn(FINANCE), smtp_address=f"smtp:{COLLECTOR}", at=iso(at))


def _footholds(stage: Stage, at: datetime) -> None:
    """An authenticator, a registered device and a phone with the mailbox on it."""
    tenant, dice = stage.tenant, stage.tenant.dice
    person = tenant.person(FINANCE)
    method = dice.guid("attacker", "authenticator")
    person.methods.add(
        Record(
            method,
            {
                "kind": "microsoftAuthenticatorMethods",
                "createdDateTime": iso(at),
                "displayName": "SM-A047F",
                "deviceTag": "SoftwareTokenActivated",
                "phoneAppVersion": "6.2410.7001",
            },
        )
    )
    tenant.add_directory_audit(
        "User registered security info",
        at,
        FINANCE,
        ATTACKER_IP,
        [stage.target(FINANCE)],
        service="Authentication Methods",
        operation="Update",
    )
    _note(stage, "authenticator", user=stage.upn(FINANCE), method_id=method, at=iso(at))
    at += timedelta(minutes=6)
    device = dice.guid("attacker", "device")
    tenant.add_device(device, "DESKTOP-7Q2KD1M", "Windows", "10.0.19045.2965", at, FINANCE, managed=False)
    person.devices.append(device)
    tenant.add_directory_audit(
        "Register device",
        at,
        FINANCE,
        ATTACKER_IP,
        [
            {
                "id": device,
                "displayName": "DESKTOP-7Q2KD1M",
                "type": "Device",
                "userPrincipalName": None,
                "groupType": None,
                "modifiedProperties": [],
            }
        ],
        category="Device",
        service="Device Registration Service",
        operation="Add",
    )
    _note(stage, "device", user=stage.upn(FINANCE), device_id=device, name="DESKTOP-7Q2KD1M", at=iso(at))
    at += timedelta(minutes=9)
    phone = tenant.add_phone(tenant.mailbox(FINANCE), "Outlook for Android", at, "attacker")
    _note(stage, "mobile_device", mailbox=stage.upn(FINANCE), guid=phone.id, at=iso(at))


def _phish(stage: Stage, at: datetime) -> None:
    tenant = stage.tenant
    box = tenant.mailbox(FINANCE)
    sender = stage.upn(FINANCE)
    subject = "Updated remittance advice - please review"
    others = [SECOND, *(index for index in range(13, tenant.directory.count))][:_RECIPIENTS]
    listed = []
    for number, index in enumerate(others):
        when = at + timedelta(seconds=7 * number)
        recipient = stage.upn(index)
        internet_id = f"<{tenant.dice.guid('phish', number)}@{tenant.domain}>"
        text = "Please open the attached remittance advice and sign in to confirm: https://remit-portal.example/"
        tenant.add_message(box, sender, [recipient], subject, when, "sentitems", body=text, internet_id=internet_id)
        tenant.add_message(
            tenant.mailbox(index), sender, [recipient], subject, when, "inbox", body=text, internet_id=internet_id
        )
        tenant.add_trace(sender, recipient, subject, when, internet_id)
        tenant.add_unified(
            "Send", when, sender, ATTACKER_IP, subject, record_type="ExchangeItem", parameters={"Subject": subject}
        )
        listed.append({"internet_message_id": internet_id, "to": recipient})
    _note(stage, "phishing", sender=sender, subject=subject, at=iso(at), messages=listed)


def _second_account(stage: Stage, at: datetime) -> None:
    tenant = stage.tenant
    first, second = stage.upn(FINANCE), stage.upn(SECOND)
    made = rule(
        tenant.rule_identity("attacker", "second"),
        "..",
        priority=1,
        contains=["remittance", "phish", "suspicious"],
        delete=True,
        stop=True,
    )
    tenant.mailbox(SECOND).rules.add(made)
    tenant.add_unified(
        "New-InboxRule",
        at,
        second,
        OTHER_ATTACKER_IP,
        f"{second}\\{made.id}",
        parameters={"Name": "..", "DeleteMessage": "True"},
    )
    _note(
        stage,
        "second_rule",
        mailbox=second,
        identity=made.id,
        graph_id=graph_rule_id(made.id),
        name="..",
        hidden=False,
    )
    box = tenant.mailbox(FINANCE)
    at += timedelta(minutes=10)
    box.full_access.add(stage.right(second, ["FullAccess"]))
    box.send_as.add(stage.right(second, ["SendAs"]))
    for operation, rights in (("Add-MailboxPermission", "FullAccess"), ("Add-RecipientPermission", "SendAs")):
        tenant.add_unified(
            operation,
            at,
            first,
            ATTACKER_IP,
            first,
            parameters={"Identity": first, "User": second, "AccessRights": rights},
        )
    _note(stage, "delegate", mailbox=first, trustee=second, rights=["FullAccess"], at=iso(at))
    _note(stage, "send_as", mailbox=first, trustee=second, rights=["SendAs"], at=iso(at))
