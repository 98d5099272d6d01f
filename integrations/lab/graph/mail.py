"""Messages, folders, inbox rules and sending.

Sources: Graph v1.0 reference, "List messages", "List rules", "Update rule", "Delete messageRule", "user: sendMail". Graph shows no hidden rule: that is
how the real service behaves, and why attackers hide theirs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from types import NoneType
from typing import Any

from integrations.lab.graph.call import Call, bad_request, not_found, pick, refusal
from integrations.lab.graph.names import MAIL_FOLDER, MESSAGE
from integrations.lab.graph.routing import Routes
from integrations.lab.mailbox import FOLDERS, Mailbox, exchange_rule_identity, graph_rule_id
from integrations.lab.records import Record
from integrations.lab.web import Answer

routes = Routes("outlook")

_READ = "Mail.ReadBasic.All Mail.Read Mail.ReadWrite"
_CONTENT = ("body", "bodyPreview", "uniqueBody")
"""What Mail.ReadBasic.All does not show (learn.microsoft.com/graph/permissions-reference)."""
_RULES_READ = "MailboxSettings.Read MailboxSettings.ReadWrite"
_RULES_WRITE = "MailboxSettings.ReadWrite"
_TIMES = ("eq", "ge", "gt", "le", "lt")
_FILTERS = {
    "internetMessageId": ("eq",),
    "sentDateTime": _TIMES,
    "receivedDateTime": _TIMES,
    "subject": ("eq", "startswith", "contains"),
    "isRead": ("eq",),
    "isDraft": ("eq",),
    "from/emailAddress/address": ("eq",),
    "sender/emailAddress/address": ("eq",),
    "conversationId": ("eq",),
    "hasAttachments": ("eq",),
}
_ADDRESS = re.compile(r"[^@\s<>]+@[^@\s<>]+\.[^@\s<>]+")


def _box(call: Call) -> Mailbox:
    return call.tenant.mailbox(call.user_index("ErrorInvalidUser"))


def _folder(call: Call, box: Mailbox) -> str:
    folder = box.folder(call.params["folder"])
    if folder is None:
        raise refusal(400, "ErrorInvalidIdMalformed", "Id is malformed.")
    return folder


# --- folders ----------------------------------------------------------------------------------------------------------


@routes.add("GET", "users/{user}/mailFolders", _READ, options="top skiptoken select")
def list_folders(call: Call) -> Answer:
    """Top-level folders: their ids are what a rule's ``moveToFolder`` holds."""
    box = _box(call)
    names = call.select(MAIL_FOLDER)
    rows = [_folder_shape(box, name) for name in FOLDERS]
    return call.page("mailFolders", rows, lambda row: pick(row, [*names, "id"]) if names else row, default=10)


@routes.add("GET", "users/{user}/mailFolders/{folder}", _READ, options="select")
def get_folder(call: Call) -> Answer:
    """One folder by id or well-known name."""
    box = _box(call)
    names = call.select(MAIL_FOLDER)
    shown = _folder_shape(box, _folder(call, box))
    return call.one("mailFolders/$entity", pick(shown, [*names, "id"]) if names else shown)


def _folder_shape(box: Mailbox, name: str) -> dict[str, Any]:
    inside = sum(row.props["folder"] == name for row in box.messages)
    return {
        "id": box.folder_id(name),
        "displayName": FOLDERS[name],
        "parentFolderId": box.folder_id("msgfolderroot"),
        "childFolderCount": 0,
        "unreadItemCount": 0,
        "totalItemCount": inside,
        "isHidden": False,
    }


# --- messages ---------------------------------------------------------------------------------------------------------


@routes.add("GET", "users/{user}/messages", _READ, options="filter select top skip skiptoken orderby count")
def list_messages(call: Call) -> Answer:
    """Messages of all folders, newest first."""
    return _messages(call, None)


@routes.add(
    "GET", "users/{user}/mailFolders/{folder}/messages", _READ, options="filter select top skip skiptoken orderby count"
)
def list_folder_messages(call: Call) -> Answer:
    """Messages of one folder, newest first."""
    return _messages(call, _folder(call, _box(call)))


def _messages(call: Call, folder: str | None) -> Answer:
    box = _box(call)
    names = call.select(MESSAGE)
    chosen = call.filter(_FILTERS, MESSAGE)
    order = (call.option("$orderby") or "receivedDateTime desc").split()
    if order[0] not in ("receivedDateTime", "sentDateTime") or order[1:] not in ([], ["asc"], ["desc"]):
        raise refusal(400, "ErrorInvalidUrlQuery", "The query specified in the URI is not valid.")
    # Graph: a property in $orderby comes first in $filter as well.
    if chosen is not None and call.option("$orderby") and (not chosen.terms or chosen.terms[0].path != order[0]):
        raise refusal(400, "InefficientFilter", "The restriction or sort order is too complex for this operation.")
    rows = [
        row
        for row in box.messages.listed(call.now)
        if (folder is None or row.props["folder"] == folder) and (chosen is None or chosen.matches(row.props))
    ]
    rows.sort(key=lambda row: (row.props[order[0]], row.id), reverse=order[1:] == ["desc"])
    return call.page(
        "messages",
        rows,
        lambda row: _shown(call, row.props, names),
        default=10,
        maximum=1000,
    )


@routes.add("GET", "users/{user}/messages/{message}", _READ, options="select")
def get_message(call: Call) -> Answer:
    """One message."""
    names = call.select(MESSAGE)
    found = _box(call).messages.find(call.params["message"], call.now)
    if found is None:
        raise not_found(call.params["message"], "ErrorItemNotFound")
    return call.one("messages/$entity", _shown(call, found.props, names))


def _shown(call: Call, props: Mapping[str, Any], names: Sequence[str] | None) -> dict[str, Any]:
    """A message, with what the caller may see of it."""
    content = not call.roles.isdisjoint(("Mail.Read", "Mail.ReadWrite"))
    seen = {n: value for n, value in props.items() if n != "folder" and (content or n not in _CONTENT)}
    return pick(seen, [*names, "id"]) if names else seen


# --- inbox rules ------------------------------------------------------------------------------------------------------


@routes.add("GET", "users/{user}/mailFolders/{folder}/messageRules", _RULES_READ, options="top skiptoken")
def list_rules(call: Call) -> Answer:
    """Inbox rules, without hidden ones."""
    box = _rules_box(call)
    rows = [row for row in box.rules.listed(call.now) if not row.props["hidden"]]
    return call.page("messageRules", rows, lambda row: _rule(box, row, call.now))


@routes.add("GET", "users/{user}/mailFolders/{folder}/messageRules/{rule}", _RULES_READ)
def get_rule(call: Call) -> Answer:
    """One inbox rule."""
    box = _rules_box(call)
    found = box.rules.find(exchange_rule_identity(call.params["rule"]) or "", call.now)
    if found is None or found.props["hidden"]:
        raise not_found(call.params["rule"], "ErrorItemNotFound")
    return call.one("messageRules/$entity", _rule(box, found, call.now))


@routes.add("PATCH", "users/{user}/mailFolders/{folder}/messageRules/{rule}", _RULES_WRITE)
def update_rule(call: Call) -> Answer:
    """Enable, disable or rename a rule."""
    box, found = _rule_to_write(call)
    body = call.json({"isEnabled": bool, "displayName": str, "sequence": int})
    if not body:
        raise bad_request("The request body is empty.", "ErrorInvalidRequest")
    words = {"isEnabled": "enabled", "displayName": "name", "sequence": "priority"}
    changes = {words[name]: value for name, value in body.items() if name in words}
    before = found.write(changes, call.now, call.lab.faults.lag)
    call.wrote(rule_target(call.tenant.directory.upn_of(box.owner), found), before, changes)
    return Answer(200, {"@odata.context": f"{call.root}/$metadata#messageRules/$entity", **_rule(box, found, call.now)})


@routes.add("DELETE", "users/{user}/mailFolders/{folder}/messageRules/{rule}", _RULES_WRITE)
def delete_rule(call: Call) -> Answer:
    """Delete a rule."""
    box, found = _rule_to_write(call)
    box.rules.remove(found.id, call.now, call.lab.faults.lag)
    call.wrote(rule_target(call.tenant.directory.upn_of(box.owner), found), dict(found.props), None)
    return Answer(204)


def _rules_box(call: Call) -> Mailbox:
    box = _box(call)
    if box.folder(call.params["folder"]) != "inbox":
        raise refusal(400, "ErrorInvalidRequest", "Rules exist for the Inbox only.")
    return box


def _rule_to_write(call: Call) -> tuple[Mailbox, Record]:
    box = _rules_box(call)
    found = box.rules.get(exchange_rule_identity(call.params["rule"]) or "")
    if found is None or found.props["hidden"]:
        raise not_found(call.params["rule"], "ErrorItemNotFound")
    return box, found


def rule_target(upn: str, rule: Record) -> str:
    """How the audit names a rule, whichever service touched it."""
    return f"users/{upn}/inboxRules/{rule.id}"


def _people(addresses: list[str]) -> list[dict[str, Any]]:
    return [{"emailAddress": {"name": address, "address": address}} for address in addresses]


def _rule(box: Mailbox, row: Record, now: float) -> dict[str, Any]:
    view = row.view(now)
    conditions: dict[str, Any] = {}
    if view["contains"]:
        conditions["bodyOrSubjectContains"] = view["contains"]
    if view["from"]:
        conditions["fromAddresses"] = _people(view["from"])
    actions: dict[str, Any] = {}
    if view["move_to"]:
        actions["moveToFolder"] = box.folder_id(view["move_to"])
    for name, key in (("delete", "delete"), ("markAsRead", "mark_read"), ("stopProcessingRules", "stop")):
        if view[key]:
            actions[name] = True
    for name, key in (
        ("forwardTo", "forward_to"),
        ("redirectTo", "redirect_to"),
        ("forwardAsAttachmentTo", "forward_as_attachment_to"),
    ):
        if view[key]:
            actions[name] = _people(view[key])
    return {
        "id": graph_rule_id(row.id),
        "displayName": view["name"],
        "sequence": view["priority"],
        "isEnabled": view["enabled"],
        "hasError": False,
        "isReadOnly": view["system"],
        "conditions": conditions,
        "actions": actions,
    }


# --- sending ----------------------------------------------------------------------------------------------------------


@routes.add("POST", "users/{user}/sendMail", "Mail.Send")
def send_mail(call: Call) -> Answer:
    """Send a message: it goes to the sink, and to Sent Items unless the caller says otherwise."""
    index = call.user_index("ErrorInvalidUser")
    body = call.json(
        {"message": dict, "Message": dict, "saveToSentItems": (bool, NoneType), "SaveToSentItems": (bool, NoneType)}
    )
    message = body.get("message", body.get("Message"))
    if message is None:
        raise bad_request("The message is missing.", "ErrorInvalidRequest")
    unknown = sorted(name for name in message if name not in MESSAGE and not name.startswith("@odata."))
    if unknown:
        raise bad_request(f"Invalid property '{unknown[0]}'.", "RequestBodyRead")
    recipients = [
        address for name in ("toRecipients", "ccRecipients", "bccRecipients") for address in _addresses(message, name)
    ]
    if not recipients:
        raise bad_request("At least one recipient is not valid.", "ErrorInvalidRecipients")
    subject, text = message.get("subject", ""), message.get("body", {})
    if not isinstance(subject, str) or not isinstance(text, dict) or not isinstance(text.get("content", ""), str):
        raise bad_request("Subject or body have the wrong type.", "RequestBodyRead")
    upn = call.tenant.directory.upn_of(index)
    internet_id = message.get("internetMessageId") or f"<{call.tenant.serial('sendMail')}@{call.tenant.domain}>"
    moment = datetime.fromtimestamp(call.now, UTC)
    keep = body.get("saveToSentItems", body.get("SaveToSentItems"))
    if keep is None or keep:
        call.tenant.add_message(
            call.tenant.mailbox(index),
            upn,
            recipients,
            subject,
            moment,
            "sentitems",
            body=text.get("content", ""),
            internet_id=internet_id,
            lag=call.lab.faults.lag,
            now=call.now,
        )
    for recipient in recipients:
        call.tenant.add_trace(upn, recipient, subject, moment, internet_id)
    call.tenant.sort_logs()
    call.lab.sink.mailed(upn, recipients, subject, text.get("content", ""), internet_id, moment)
    call.wrote(f"users/{upn}/messages/{internet_id}", None, {"to": recipients, "subject": subject}, "sendMail")
    return Answer(202)


def _addresses(message: dict[str, Any], name: str) -> list[str]:
    listed = message.get(name) or []
    if not isinstance(listed, list):
        raise bad_request(f"Invalid value specified for property '{name}'.", "RequestBodyRead")
    found = []
    for entry in listed:
        inner = entry.get("emailAddress") if isinstance(entry, dict) else None
        address = inner.get("address") if isinstance(inner, dict) else None
        if not isinstance(address, str) or not _ADDRESS.fullmatch(address):
            raise bad_request("At least one recipient is not valid.", "ErrorInvalidRecipients")
        found.append(address)
    return found
