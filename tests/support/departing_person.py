"""What a leaver has that takes looking for, planted in the lab's tenant."""

from __future__ import annotations

from typing import Any

from integrations.lab.records import Record
from integrations.lab.state import Tenant


def link_in_a_folder(tenant: Tenant, index: int) -> Record:
    """A file in a folder of somebody's OneDrive, which everybody may read who has the link."""
    drive = tenant.person(index).drive
    folder = next(row for row in drive if row.props["name"] == "Documents")
    [own] = folder.props["permissions"]
    link = {"scope": "anonymous", "type": "view", "webUrl": "https://acme-my.sharepoint.example/:w:/g/personal/x"}
    permissions = [own, {"id": tenant.serial("permission"), "roles": ["read"], "link": link}]
    id = tenant.serial("driveItem")
    facts = {"id": id, "name": "offer.docx", "file": {}, "parent": folder.id, "permissions": permissions}
    return drive.add(Record(id, facts))


def group_with_an_address(tenant: Tenant, *members: int) -> Record:
    """A security group with an address, the only kind of group that is given rights on mailboxes."""
    id = tenant.serial("group")
    facts = {"id": id, "displayName": "Reception", "mail": "reception@acme.example", "groupTypes": []}
    held = {"mailEnabled": True, "securityEnabled": True, "members": frozenset(map(tenant.directory.id_of, members))}
    return tenant.groups.add(Record(id, {**facts, **held}))


def telephone_number(tenant: Tenant, index: int, **more: Any) -> Record:
    """A number of Teams at which somebody is called."""
    id = tenant.serial("number")
    facts = {
        "id": id,
        "telephoneNumber": "+12061234567",
        "numberType": "callingPlan",
        "activationState": "activated",
        "assignmentCategory": "primary",
        "assignmentStatus": "userAssigned",
        "assignmentTargetId": tenant.directory.id_of(index),
        "locationId": tenant.serial("location"),
        "numberSource": "online",
    }
    return tenant.numbers.add(Record(id, {**facts, **more}))
