from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.integrations.lab.stand import BASE, Stand


async def raw(stand: Stand, path: str, body: Any, method: str = "POST", **headers: str) -> httpx.Response:
    return await stand.http.request(
        method,
        f"/exchange/adminapi/{path}",
        json=body,
        headers={
            "Authorization": f"Bearer {stand.exchange_token}",
            "X-AnchorMailbox": f"UPN:{stand.finance}",
            **headers,
        },
    )


def command(name: str, **parameters: Any) -> dict[str, Any]:
    return {"CmdletInput": {"CmdletName": name, "Parameters": parameters}}


async def test_an_answer_has_exchanges_form(stand: Stand) -> None:
    answer = await stand.cmdlet("Get-OrganizationConfig")
    assert set(answer.json()) == {"@odata.context", "adminapi.warnings@odata.type", "@adminapi.warnings", "value"}
    assert answer.headers["Rate-Limit-Limit"] == "30000"
    assert answer.headers["Request-Id"]


async def test_an_error_has_exchanges_form(stand: Stand) -> None:
    answer = await stand.cmdlet("Get-Mailbox", Identity="nobody")
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "details", "innererror"}
    number, exception, text = error["details"][0]["message"].split("|")
    assert number.startswith("Ex")
    assert exception.startswith("Microsoft.Exchange.")
    assert "nobody" in text


async def test_only_the_beta_address_takes_commands(stand: Stand) -> None:
    body = command("Get-OrganizationConfig")
    tenant = stand.lab.tenant_id
    assert (await raw(stand, f"v1.0/{tenant}/InvokeCommand", body)).status_code == 405
    assert (await raw(stand, f"beta/{tenant}/InvokeCommand", None, method="GET")).status_code == 405
    assert (await raw(stand, f"beta/{tenant}/Other", body)).status_code == 404
    assert (await raw(stand, "beta/00000000-0000-4000-8000-000000000000/InvokeCommand", body)).status_code == 403


async def test_an_unknown_cmdlet_is_forbidden_without_a_word(stand: Stand) -> None:
    answer = await stand.cmdlet("Get-Nonsense")
    assert (answer.status_code, answer.content) == (403, b"")
    assert answer.headers["Content-Encoding"] == "gzip"


async def test_a_cmdlet_without_the_role_answers_bytes_that_are_no_gzip(stand: Stand) -> None:
    stand.lab.change_permissions(exchange_roles=["Global Reader"])
    for name, parameters in (
        ("Set-Mailbox", {"Identity": stand.finance}),
        ("Get-InboxRule", {"Mailbox": stand.finance}),
    ):
        with pytest.raises(httpx.DecodingError):
            await stand.cmdlet(name, **parameters)
        request = httpx.Request(
            "POST",
            f"{BASE}/exchange/adminapi/beta/{stand.lab.tenant_id}/InvokeCommand",
            headers={"Authorization": f"Bearer {stand.exchange_token}", "X-AnchorMailbox": f"UPN:{stand.finance}"},
            json=command(name, **parameters),
        )
        answer = await stand.http.send(request, stream=True)
        assert answer.status_code == 403
    assert len(await stand.run("Get-Mailbox", Identity=stand.finance)) == 1
    stand.lab.change_permissions(exchange_roles=[])
    with pytest.raises(httpx.DecodingError):
        await stand.cmdlet("Get-Mailbox", Identity=stand.finance)
    assert stand.lab.audit == []


async def test_a_permission_without_exchange_is_not_enough(stand: Stand) -> None:
    stand.lab.change_permissions(revoke=["Exchange.ManageAsApp"])
    with pytest.raises(httpx.DecodingError):
        await stand.cmdlet("Get-OrganizationConfig")


async def test_mailbox_cmdlets_need_an_anchor(stand: Stand) -> None:
    system = f"APP:SystemMailbox{{bb558c35-97f1-4cb9-8ff7-d53741dc928c}}@{stand.lab.tenant_id}"
    for anchor, status in (
        ("", 400),
        ("whatever", 400),
        ("APP:SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}@other", 400),
        (f"UPN:{stand.finance}", 200),
        (system, 200),
    ):
        headers = {"X-AnchorMailbox": anchor}
        assert (await stand.cmdlet("Get-InboxRule", headers=headers, Mailbox=stand.finance)).status_code == status, (
            anchor
        )
    assert (await stand.cmdlet("Get-OrganizationConfig", headers={"X-AnchorMailbox": ""})).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"CmdletInput": {}},
        {"CmdletInput": {"CmdletName": "Get-Mailbox", "Parameters": []}},
        {"CmdletInput": {"CmdletName": "Get-Mailbox", "Arguments": {}}},
        {"CmdletInput": {"CmdletName": 1}},
        {"CmdletInput": {"CmdletName": "Get-Mailbox"}, "More": 1},
        command("Get-InboxRule"),
        command("Get-InboxRule", Mailbox=1),
        command("Get-InboxRule", Mailbox=None),
        command("Get-InboxRule", Mailbox="x", IncludeHidden="true"),
        command("Get-InboxRule", Mailbox="x", SkipCount=True),
        command("Get-InboxRule", Mailbox="x", Hidden=True),
        command("Get-Mailbox", ResultSize="Some"),
        command("Get-Mailbox", ResultSize=0),
    ],
)
async def test_bodies_that_are_refused(stand: Stand, body: Any) -> None:
    answer = await raw(stand, f"beta/{stand.lab.tenant_id}/InvokeCommand", body)
    assert answer.status_code == 400


async def test_a_body_must_be_json(stand: Stand) -> None:
    url = f"/exchange/adminapi/beta/{stand.lab.tenant_id}/InvokeCommand"
    headers = {"Authorization": f"Bearer {stand.exchange_token}"}
    assert (await stand.http.post(url, content=b"{}", headers=headers)).status_code == 415
    headers["Content-Type"] = "application/json"
    assert (await stand.http.post(url, content=b"{", headers=headers)).status_code == 400


async def test_names_and_parameters_ignore_case(stand: Stand) -> None:
    assert len(await stand.run("get-inboxrule", mailbox=stand.finance)) == 2


async def test_pages_are_fetched_by_sending_the_same_again(stand: Stand) -> None:
    headers = {"Prefer": "odata.maxpagesize=70"}
    arguments: dict[str, Any] = {"ResultSize": "Unlimited"}
    page = (await stand.cmdlet("Get-Mailbox", headers=headers, **arguments)).json()
    rows, pages = list(page["value"]), 1
    while link := page.get("@odata.nextLink"):
        page = (await stand.cmdlet("Get-Mailbox", link, headers, **arguments)).json()
        rows += page["value"]
        pages += 1
    assert (len({row["Guid"] for row in rows}), pages) == (300, 5)


async def test_a_page_belongs_to_its_command(stand: Stand) -> None:
    headers = {"Prefer": "odata.maxpagesize=2"}
    page = (await stand.cmdlet("Get-InboxRule", headers=headers, Mailbox=stand.finance, IncludeHidden=True)).json()
    answer = await stand.cmdlet("Get-InboxRule", page["@odata.nextLink"], headers, Mailbox=stand.second)
    assert answer.status_code == 400
    answer = await stand.cmdlet("Get-InboxRule", page["@odata.nextLink"] + "x", headers, Mailbox=stand.finance)
    assert answer.status_code == 400


async def test_result_size_limits(stand: Stand) -> None:
    assert len(await stand.run("Get-Mailbox", ResultSize=3)) == 3
    assert len(await stand.run("Get-Mailbox", ResultSize="4")) == 4


async def test_lists_of_one_when_asked(stand: Stand) -> None:
    await stand.faults(single_item_pages=True)
    page = (await stand.cmdlet("Get-InboxRule", Mailbox=stand.finance, IncludeHidden=True)).json()
    assert (len(page["value"]), len(page["@adminapi.warnings"])) == (1, 1)
    assert page["@odata.nextLink"]
    assert len(await stand.run("Get-InboxRule", Mailbox=stand.finance, ResultSize="Unlimited")) == 2


async def test_selected_properties(stand: Stand) -> None:
    url = f"/exchange/adminapi/beta/{stand.lab.tenant_id}/InvokeCommand?$select=Name,RuleIdentity"
    rows = (await stand.cmdlet("Get-InboxRule", url, Mailbox=stand.finance)).json()["value"]
    assert [set(row) for row in rows] == [{"Name", "RuleIdentity"}] * 2


# --- batches ----------------------------------------------------------------------------------------------------------


def item(stand: Stand, key: str, body: dict[str, Any]) -> dict[str, Any]:
    url = f"{BASE}/exchange/adminapi/beta/{stand.lab.tenant_id}/InvokeCommand"
    headers = {"X-AnchorMailbox": f"UPN:{stand.finance}"}
    return {"id": key, "method": "POST", "url": url, "headers": headers, "body": body}


async def test_a_batch_goes_on_only_when_told(stand: Stand) -> None:
    items = [
        item(stand, "1", command("Get-InboxRule", Mailbox=stand.finance)),
        item(stand, "2", command("Get-Mailbox", Identity="nobody")),
        item(stand, "3", command("Set-Mailbox", Identity=stand.finance, ForwardingSmtpAddress=None)),
    ]
    path = f"beta/{stand.lab.tenant_id}/$batch"
    answer = await raw(stand, path, {"requests": items})
    assert [entry["status"] for entry in answer.json()["responses"]] == [200, 404]
    answer = await raw(stand, path, {"requests": items}, Prefer="odata.maxpagesize = 1000;odata.continue-on-error")
    assert [entry["status"] for entry in answer.json()["responses"]] == [200, 404, 200]
    assert len(stand.lab.audit) == 1
    await stand.faults(throttle_rate=1, retry_after_style="seconds")
    answer = await raw(stand, path, {"requests": items[:1]})
    assert answer.json()["responses"][0]["headers"]["Retry-After"] == "1"


async def test_batches_that_are_refused(stand: Stand) -> None:
    path = f"beta/{stand.lab.tenant_id}/$batch"
    one = item(stand, "1", command("Get-OrganizationConfig"))
    for body in ({}, {"requests": []}, {"requests": [one] * 11}, {"requests": [{"id": "1"}]}):
        assert (await raw(stand, path, body)).status_code == 400
