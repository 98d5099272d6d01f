"""The state of the stand-in tenant, and the story that filled it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from integrations.lab.calendar import calendar
from integrations.lab.clock import iso, iso7
from integrations.lab.dice import Dice, GuidCodec
from integrations.lab.directory import HOME_CITY, HOME_COUNTRY, Directory
from integrations.lab.hosts.state import LabHost
from integrations.lab.mailbox import SYSTEM_RULES, Mailbox, rule
from integrations.lab.names import SUBJECTS
from integrations.lab.posture import Posture
from integrations.lab.protection import Protection
from integrations.lab.records import Record, Table

GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
EXCHANGE_APP_ID = "00000002-0000-0ff1-ce00-000000000000"
OFFICE_IP = "198.51.100.10"
VPN_IP = "192.0.2.44"

ROLES = {
    "Global Administrator": "62e90394-69f5-4237-9190-012177145e10",
    "Global Reader": "f2ef992c-3afb-46b9-b7cf-a126ee74c451",
    "Exchange Administrator": "29232cdf-9323-42fd-ade2-1d097af3e4de",
    "User Administrator": "fe930be7-5e62-47db-91af-98c3a49a38b1",
    "Privileged Role Administrator": "e8611ab8-c189-46e8-94e1-60213ab1f814",
    "Security Reader": "5d6b6bb7-de71-4623-b4af-96380a352509",
    "Helpdesk Administrator": "729827e3-9c14-49f7-bb1b-9608f156bbb8",
}
"""Built-in directory roles and their template ids (Entra built-in roles reference)."""

PHONE_IDS = {
    "mobile": "3179e48a-750b-4051-897c-87b9720928f7",
    "alternateMobile": "b6332ec1-7057-4abe-9331-3d72feddfe41",
    "office": "e37fc753-ff3b-4958-9484-eaa9425c82bc",
}
PASSWORD_METHOD_ID = "28c10230-6103-485e-b985-444c60001490"  # noqa: S105 - the id of the method, the same in every tenant


@dataclass(slots=True)
class Person:
    """What belongs to one user besides the directory object."""

    methods: Table = field(default_factory=Table)
    """Authentication methods; a record's ``kind`` is the Graph collection, e.g. ``phoneMethods``."""
    default_method: str | None = None
    """Id of the method that is asked for first."""
    risk: Record | None = None
    devices: list[str] = field(default_factory=list)
    drive: Table = field(default_factory=Table)
    """What lies in their OneDrive; a record's ``permissions`` are who may open it, its ``parent`` the folder in which it lies (none: at the top)."""


@dataclass(slots=True)
class Story:
    """What the scenario put in, for those who check what a run did."""

    name: str
    compromised: list[str] = field(default_factory=list)
    innocent: list[str] = field(default_factory=list)
    artefacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    accounts: dict[str, Any] = field(default_factory=dict)
    attacker: dict[str, Any] = field(default_factory=dict)
    began_at: datetime | None = None


class Tenant:
    """All state of one tenant.

    Args:
        dice: the seed's dice.
        users: how many users, at least 20.
        tenant_id: the directory's GUID.
        domain: its verified domain.
        start: the moment at which the lab began; the story's times are relative to it.
    """

    def __init__(
        self, dice: Dice, users: int, tenant_id: str, domain: str, start: datetime, victim: str | None = None
    ) -> None:
        self.dice = dice
        self.victim = victim
        self.tenant_id = tenant_id
        self.domain = domain
        self.start = start
        self.directory = Directory(dice, users, domain, start)
        self.service_principals = Table()
        self.applications = Table()
        self.grants = Table()
        self.app_roles = Table()
        self.role_assignments = Table()
        self.groups = Table()
        self.numbers = Table()
        self.devices = Table()
        self.managed = Table()
        """Intune's devices, by its own ids."""
        self.transport_rules = Table()
        self.audit_queries = Table()
        self.sign_ins: list[dict[str, Any]] = []
        self.directory_audits: list[dict[str, Any]] = []
        self.unified: list[dict[str, Any]] = []
        self.traces: list[dict[str, Any]] = []
        self.on_premises: dict[int, dict[str, Any]] = {}
        """What Active Directory says of each synced user."""
        self.last_sync = start
        self.story = Story("quiet")
        self.posture = Posture()
        self.protection = Protection(dice, self.directory, users, domain, start)
        self.hosts: dict[str, LabHost] = {}
        self.host: str | None = None
        self.named_hosts: tuple[str, ...] = ()
        """Names for the hosts of a story of several."""
        """The name of the host that a story of hosts happens to, instead of a made-up one."""
        self._people: dict[int, Person] = {}
        self._mailboxes: dict[int, Mailbox] = {}
        self._device_ids = GuidCodec(dice, "device")
        self._managed_ids = GuidCodec(dice, "managedDevice")
        self._drive_ids = GuidCodec(dice, "drive")
        self._serial = 0

    def serial(self, purpose: str) -> str:
        """A fresh GUID: the same one for the same sequence of calls."""
        self._serial += 1
        return self.dice.guid("serial", purpose, self._serial)

    # --- who and where ------------------------------------------------------------------------------------------------

    def person(self, index: int) -> Person:
        """The user's methods, devices and risk, made when first asked for."""
        person = self._people.get(index)
        if person is None:
            person = self._people[index] = self._furnish(index)
        return person

    def mailbox(self, index: int) -> Mailbox:
        """The user's mailbox, made when first asked for."""
        box = self._mailboxes.get(index)
        if box is None:
            box = self._mailboxes[index] = self._fill(index)
        return box

    def calendar(self, index: int) -> Mailbox:
        """The user's mailbox with its meetings, made when first asked for."""
        box = self.mailbox(index)
        if not box.planned:
            box.planned = True
            for made in calendar(self.dice, self.directory, index, self.start):
                box.meetings.add(made)
        return box

    def device(self, device_id: str) -> Record | None:
        """A device by object id, as a writer finds it."""
        index = self._device_ids.decode(device_id)
        if index is not None and index < self.directory.count:
            self.person(index)
        return self.devices.get(device_id)

    def managed_device(self, managed_id: str) -> Record | None:
        """A device of Intune's by its own id, as a writer finds it."""
        index = self._managed_ids.decode(managed_id)
        if index is not None and index < self.directory.count:
            self.person(index)
        return self.managed.get(managed_id)

    def drive_id(self, index: int) -> str:
        """A user's OneDrive, as Graph names drives."""
        return f"b!{self._drive_ids.encode(index)}"

    def drive(self, drive_id: str) -> Table | None:
        """What lies at the top of a OneDrive; None: there is no such drive."""
        index = self._drive_ids.decode(drive_id.removeprefix("b!"))
        return self.person(index).drive if index is not None and index < self.directory.count else None

    def upn(self, key: str) -> str:
        """The user principal name for an id or name; the key itself when it is nobody's."""
        index = self.directory.resolve(key)
        return key if index is None else self.directory.upn_of(index)

    # --- generated furniture ------------------------------------------------------------------------------------------

    def _furnish(self, index: int) -> Person:
        dice = self.dice
        person = Person()
        old = self.start - timedelta(
            days=120 + dice.below(400, "methods", index), seconds=dice.below(80_000, "m", index)
        )
        person.methods.add(
            Record(PASSWORD_METHOD_ID, {"kind": "passwordMethods", "createdDateTime": iso(old), "password": None})
        )
        app = dice.guid("authenticator", index)
        person.methods.add(
            Record(
                app,
                {
                    "kind": "microsoftAuthenticatorMethods",
                    "createdDateTime": iso(old),
                    "displayName": dice.pick(("iPhone 15", "Pixel 8", "Galaxy S24", "iPhone 13"), "phone", index),
                    "deviceTag": "SoftwareTokenActivated",
                    "phoneAppVersion": "6.8.21",
                },
            )
        )
        person.default_method = app
        if dice.below(2, "has phone", index):
            person.methods.add(
                Record(
                    PHONE_IDS["mobile"],
                    {
                        "kind": "phoneMethods",
                        "createdDateTime": iso(old),
                        "phoneNumber": f"+44 7700900{dice.below(1000, 'number', index):03d}",
                        "phoneType": "mobile",
                        "smsSignInState": "notSupported",
                    },
                )
            )
        device_id = self._device_ids.encode(index)
        device = self.add_device(
            device_id, f"LT-{10_000 + index}", "Windows", "10.0.22631.4460", old, index, managed=True
        )
        person.devices.append(device_id)
        self._manage(device, index)
        for name, facet in (("Documents", {"folder": {"childCount": 0}}), ("plan.xlsx", {"file": {}})):
            item_id = self.dice.guid("driveItem", index, name)
            owner = {"user": {"id": self.directory.id_of(index), "displayName": self.directory.upn_of(index)}}
            own = {"id": self.dice.guid("permission", item_id), "roles": ["owner"], "grantedToV2": owner}
            person.drive.add(Record(item_id, {"id": item_id, "name": name, **facet, "permissions": [own]}))
        return person

    def _manage(self, device: Record, owner: int) -> None:
        """Enrol a device of the directory's with Intune."""
        managed_id = self._managed_ids.encode(owner)
        user = self.directory.peek(owner)
        self.managed.add(
            Record(
                managed_id,
                {
                    "id": managed_id,
                    "azureADDeviceId": device.props["deviceId"],
                    "azureADRegistered": True,
                    "complianceState": "compliant",
                    "deviceActionResults": [],
                    "deviceName": device.props["displayName"],
                    "enrolledDateTime": device.props["registrationDateTime"],
                    "lastSyncDateTime": device.props["approximateLastSignInDateTime"],
                    "managedDeviceOwnerType": "company",
                    "managementAgent": "mdm",
                    "managementState": "managed",
                    "operatingSystem": device.props["operatingSystem"],
                    "osVersion": device.props["operatingSystemVersion"],
                    "userId": user.id,
                    "userPrincipalName": self.directory.upn_of(owner),
                },
            )
        )

    def add_device(
        self, device_id: str, name: str, system: str, version: str, at: datetime, owner: int, *, managed: bool
    ) -> Record:
        """Put a registered device into the directory (for scenarios)."""
        return self.devices.add(
            Record(
                device_id,
                {
                    "id": device_id,
                    "accountEnabled": True,
                    "approximateLastSignInDateTime": iso(max(at, self.start - timedelta(hours=3))),
                    "deviceId": self.dice.guid("deviceId", device_id),
                    "displayName": name,
                    "isCompliant": managed or None,
                    "isManaged": managed or None,
                    "operatingSystem": system,
                    "operatingSystemVersion": version,
                    "profileType": "RegisteredDevice",
                    "registrationDateTime": iso(at),
                    "trustType": "AzureAd" if managed else "Workplace",
                    "owner": owner,
                },
            )
        )

    def rule_identity(self, *parts: object) -> str:
        """A rule's 64-bit identity as decimal text."""
        return str(1 + int.from_bytes(self.dice.bytes(8, "rule", *parts), "big") % (2**63 - 1))

    def _fill(self, index: int) -> Mailbox:
        dice = self.dice
        upn = self.directory.upn_of(index)
        box = Mailbox(
            index,
            dice.guid("mailbox", index),
            Record(
                upn,
                {
                    "ForwardingAddress": None,
                    "ForwardingSmtpAddress": None,
                    "DeliverToMailboxAndForward": False,
                    "RecipientTypeDetails": "UserMailbox",
                    "HiddenFromAddressListsEnabled": False,
                },
            ),
        )
        for at, name in enumerate(SYSTEM_RULES):
            box.rules.add(rule(self.rule_identity(index, name), name, priority=at, hidden=True, system=True))
        if index % 5 == 4:
            box.rules.add(
                rule(
                    self.rule_identity(index, "own"),
                    "Newsletters",
                    priority=1,
                    from_addresses=["news@trade-weekly.example"],
                    move_to="newsletters",
                )
            )
        box.full_access.add(_right("nt authority\\self", ["FullAccess", "ReadPermission"], user="NT AUTHORITY\\SELF"))
        box.send_as.add(_right("nt authority\\self", ["SendAs"], user="NT AUTHORITY\\SELF"))
        for folder in ("calendar", "inbox"):
            rights = "AvailabilityOnly" if folder == "calendar" else "None"
            box.folder_rights.add(_right(f"{folder}/default", [rights], user="Default"))
            box.folder_rights.add(_right(f"{folder}/anonymous", ["None"], user="Anonymous"))
        if index % 3 == 0:
            self.add_phone(box, "Outlook for iOS and Android", self.start - timedelta(days=200), "own")
        for at in range(5):
            sent = self.start - timedelta(hours=7 + 11 * (4 - at), minutes=dice.below(60, "mail", index, at))
            other = self.directory.upn_of(dice.below(self.directory.count, "correspondent", index, at))
            subject = dice.pick(SUBJECTS, "subject", index, at)
            mine = at % 2 == 0
            self.add_message(
                box, upn if mine else other, [other if mine else upn], subject, sent, "sentitems" if mine else "inbox"
            )
        return box

    def add_phone(self, box: Mailbox, name: str, at: datetime, purpose: str) -> Record:
        """Put a mobile device into a mailbox (for scenarios)."""
        guid = self.dice.guid("mobile", box.owner, purpose)
        return box.phones.add(
            Record(
                guid,
                {
                    "Guid": guid,
                    "FriendlyName": name,
                    "DeviceId": self.dice.bytes(16, "mobile id", box.owner, purpose).hex().upper(),
                    "DeviceType": "Outlook",
                    "DeviceModel": "Outlook for iOS and Android",
                    "DeviceOS": "iOS 18.1",
                    "ClientType": "Outlook",
                    "DeviceAccessState": "Allowed",
                    "FirstSyncTime": iso(at),
                    "WhenCreated": iso(at),
                },
            )
        )

    def add_message(
        self,
        box: Mailbox,
        sender: str,
        recipients: list[str],
        subject: str,
        at: datetime,
        folder: str,
        *,
        body: str = "",
        internet_id: str | None = None,
        lag: float = 0.0,
        now: float = 0.0,
    ) -> Record:
        """Put a message into a folder."""
        count = len(box.messages) + 1
        internet_id = internet_id or f"<{self.dice.guid('message', sender, subject, at, count)}@{self.domain}>"
        key = self.dice.bytes(24, "message", box.owner, folder, internet_id, count).hex()
        address = {"emailAddress": {"name": sender, "address": sender}}
        return box.messages.add(
            Record(
                f"AAMkAD{key}=",
                {
                    "id": f"AAMkAD{key}=",
                    "folder": folder,
                    "bccRecipients": [],
                    "body": {"contentType": "text", "content": body},
                    "bodyPreview": body[:255],
                    "categories": [],
                    "ccRecipients": [],
                    "conversationId": f"AAQkAD{self.dice.bytes(12, 'conversation', subject).hex()}=",
                    "createdDateTime": iso(at),
                    "flag": {"flagStatus": "notFlagged"},
                    "from": address,
                    "hasAttachments": False,
                    "importance": "normal",
                    "inferenceClassification": "focused",
                    "internetMessageId": internet_id,
                    "isDraft": False,
                    "isRead": True,
                    "lastModifiedDateTime": iso(at),
                    "parentFolderId": box.folder_id(folder),
                    "receivedDateTime": iso(at),
                    "replyTo": [],
                    "sender": address,
                    "sentDateTime": iso(at),
                    "subject": subject,
                    "toRecipients": [{"emailAddress": {"name": to, "address": to}} for to in recipients],
                    "webLink": "",
                },
            ),
            now,
            lag,
        )

    # --- logs ---------------------------------------------------------------------------------------------------------

    def add_sign_in(
        self,
        index: int,
        at: datetime,
        ip: str,
        city: str = HOME_CITY,
        country: str = HOME_COUNTRY,
        *,
        browser: str = "Edge 131.0.0",
        system: str = "Windows10",
        agent: str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Edg/131.0.0.0",
        app: str = "Office 365 Exchange Online",
        error: int = 0,
        interactive: bool = True,
        risk: str = "none",
        events: tuple[str, ...] = (),
        device: Record | None = None,
    ) -> dict[str, Any]:
        """Record one sign-in; ``sort_logs`` puts it in its place."""
        user = self.directory.peek(index).props
        number = len(self.sign_ins)
        entry = {
            "id": self.dice.guid("signIn", number),
            "createdDateTime": iso(at),
            "userDisplayName": user["displayName"],
            "userPrincipalName": user["userPrincipalName"],
            "userId": user["id"],
            "appId": EXCHANGE_APP_ID,
            "appDisplayName": app,
            "ipAddress": ip,
            "clientAppUsed": "Browser" if interactive else "Mobile Apps and Desktop clients",
            "userAgent": agent,
            "correlationId": self.dice.guid("correlation", number),
            "conditionalAccessStatus": "notApplied",
            "isInteractive": interactive,
            "riskDetail": "none",
            "riskLevelAggregated": risk,
            "riskLevelDuringSignIn": risk,
            "riskState": "atRisk" if risk != "none" else "none",
            "riskEventTypes_v2": list(events),
            "resourceDisplayName": "Office 365 Exchange Online",
            "resourceId": EXCHANGE_APP_ID,
            "status": {
                "errorCode": error,
                "failureReason": "Invalid username or password." if error else "Other.",
                "additionalDetails": None,
            },
            "deviceDetail": {
                "deviceId": device.props["deviceId"] if device else "",
                "displayName": device.props["displayName"] if device else "",
                "operatingSystem": system,
                "browser": browser,
                "isCompliant": bool(device),
                "isManaged": bool(device),
                "trustType": "Azure AD joined" if device else "",
            },
            "location": {
                "city": city,
                "state": "",
                "countryOrRegion": country,
                "geoCoordinates": {"altitude": None, "latitude": None, "longitude": None},
            },
            "signInEventTypes": ["interactiveUser" if interactive else "nonInteractiveUser"],
        }
        self.sign_ins.append(entry)
        return entry

    def add_directory_audit(
        self,
        activity: str,
        at: datetime,
        actor: int | None,
        ip: str,
        targets: list[dict[str, Any]],
        *,
        category: str = "UserManagement",
        service: str = "Core Directory",
        app: str | None = None,
        operation: str = "Update",
    ) -> dict[str, Any]:
        """Record one entry of the directory's audit log. ``actor`` None: ``app`` did it."""
        number = len(self.directory_audits)
        user = self.directory.peek(actor).props if actor is not None else None
        entry = {
            "id": f"Directory_{self.dice.guid('directoryAudit', number)}_{number}",
            "category": category,
            "correlationId": self.dice.guid("audit correlation", number),
            "result": "success",
            "resultReason": "",
            "activityDisplayName": activity,
            "activityDateTime": iso7(at),
            "loggedByService": service,
            "operationType": operation,
            "initiatedBy": {
                "user": {
                    "id": user["id"],
                    "displayName": None,
                    "userPrincipalName": user["userPrincipalName"],
                    "ipAddress": ip,
                }
                if user
                else None,
                "app": {"appId": None, "displayName": app, "servicePrincipalId": None, "servicePrincipalName": None}
                if app
                else None,
            },
            "targetResources": targets,
            "additionalDetails": [],
        }
        self.directory_audits.append(entry)
        return entry

    def add_unified(
        self,
        operation: str,
        at: datetime,
        actor: str,
        ip: str,
        target: str,
        *,
        service: str = "Exchange",
        record_type: str = "ExchangeAdmin",
        parameters: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """Record one entry of the unified audit log."""
        number = len(self.unified)
        key = self.dice.guid("unified", number)
        listed = [{"Name": name, "Value": value} for name, value in (parameters or {}).items()]
        address = f"{ip}:{40_000 + number}" if service == "Exchange" and ip else ip
        entry = {
            "id": key,
            "createdDateTime": iso(at),
            "auditLogRecordType": record_type,
            "operation": operation,
            "organizationId": self.tenant_id,
            "userType": "Regular",
            "userId": actor,
            "service": service,
            "objectId": target,
            "userPrincipalName": actor,
            "clientIp": address,
            "administrativeUnits": [""],
            "auditData": {
                "@odata.type": "#microsoft.graph.security.defaultAuditData",
                "CreationTime": iso(at)[:-1],
                "Id": key,
                "Operation": operation,
                "OrganizationId": self.tenant_id,
                "ResultStatus": "True" if service == "Exchange" else "Success",
                "UserId": actor,
                "ClientIP": address,
                "Workload": service,
                "ObjectId": target,
                "Parameters": listed,
            },
        }
        self.unified.append(entry)
        return entry

    def add_trace(self, sender: str, recipient: str, subject: str, at: datetime, internet_id: str) -> None:
        """Record one delivered message in the message trace."""
        self.traces.append(
            {
                "MessageTraceId": self.dice.guid("trace", len(self.traces)),
                "MessageId": internet_id,
                "Received": iso7(at)[:-1],
                "SenderAddress": sender,
                "RecipientAddress": recipient,
                "Subject": subject,
                "Status": "Delivered",
                "FromIP": None,
                "ToIP": None,
                "Size": 9_000 + self.dice.below(20_000, "size", len(self.traces)),
            }
        )

    def sort_logs(self) -> None:
        """Newest first, as the services list them."""
        self.sign_ins.sort(key=lambda entry: (entry["createdDateTime"], entry["id"]), reverse=True)
        self.directory_audits.sort(key=lambda entry: (entry["activityDateTime"], entry["id"]), reverse=True)
        self.unified.sort(key=lambda entry: (entry["createdDateTime"], entry["id"]), reverse=True)
        self.traces.sort(key=lambda entry: (entry["Received"], entry["MessageTraceId"]), reverse=True)


def _right(key: str, rights: list[str], *, user: str) -> Record:
    return Record(key, {"User": user, "AccessRights": rights, "IsInherited": False, "Deny": False})
