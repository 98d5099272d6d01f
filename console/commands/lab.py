"""A stand-in tenant as a server, to test against and to practise on."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from console.cli import command, json_option, wants_json

if TYPE_CHECKING:
    from console.labtenant import Registered
    from integrations.lab import Lab


@command(
    "lab",
    examples=(
        "tenantry lab",
        "tenantry lab --port 8099 --tenant acme --json",
        "tenantry lab --scenario quiet --users 5000 --faults nasty.json",
    ),
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, metavar="P", help="A free one when left out.")
@click.option(
    "--scenario",
    default="bec",
    show_default=True,
    metavar="NAME",
    help="The story it holds: bec, leaked_key, ransomware, quiet and others.",
)
@click.option("--seed", type=int, default=1, show_default=True, metavar="N", help="The same seed, the same tenant.")
@click.option("--users", type=int, default=300, show_default=True, metavar="N", help="How many users.")
@click.option("--faults", metavar="FILE", type=click.Path(path_type=Path), help="JSON, as POST /_lab/faults takes it.")
@click.option("--tenant", metavar="NAME", help="Register it as this tenant: file, secrets, people.")
@click.option(
    "--as", "person", metavar="PERSON", help="In a home with approvers of its own: the one who authorises the lab's."
)
@click.option(
    "--unconnected", is_flag=True, help="Our application is not registered there yet: try `tenantry connect m365`."
)
@json_option
def lab(
    port: int,
    scenario: str,
    seed: int,
    users: int,
    faults: Path | None,
    tenant: str | None,
    person: str | None,
    unconnected: bool,
) -> int:
    """Serve a stand-in Microsoft 365 tenant on this machine until interrupted; prints its address.

    GET /_lab/state says what is in it, GET /_lab/audit lists every write that it accepted, POST /_lab/faults makes it
    misbehave, POST /_lab/reset begins again. With --tenant, runs can use it at once; the people who can answer their
    questions are printed with the otpauth addresses that make their codes.
    """
    from console.labtenant import lab_for
    from integrations.lab import LabServer

    application = "nowhere" if unconnected else "here"
    made = lab_for(tenant, scenario=scenario, seed=seed, users=users, application=application)
    if faults is not None:
        made.faults.set(_plan(faults))
    with LabServer(made, port) as server:
        registered = _register(tenant, server.base_url, made, person) if tenant is not None else None
        _announce(server.base_url, made, registered)
        _until_told()
    return 0


def _plan(path: Path) -> Any:
    from pydantic import ValidationError

    from integrations.lab import FaultPlan
    from tenantry.errors import InvalidInput

    try:
        return FaultPlan.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read ({error.strerror})", place="--faults") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise InvalidInput(f"{path}: {where}: {first['msg']}", place="--faults") from error


def _register(tenant: str, base_url: str, made: Lab, person: str | None) -> Registered:
    from console import ask, labtenant
    from console.session import opened

    with opened() as installation:

        def prove(purpose: str) -> Any:
            name = person or ""
            return installation.people.authenticate(name, ask.code(name), purpose=purpose)

        return labtenant.register(installation, tenant, base_url, made, prove=prove if person else None)


def _announce(base_url: str, made: Lab, registered: Registered | None) -> None:
    import json

    people = [
        {"id": p.id, "roles": list(p.roles), "otpauth_uri": p.otpauth_uri.get_secret_value()}
        for p in (registered.people if registered else ())
    ]
    if wants_json():
        # One line, at once: whoever started this reads it while the lab goes on.
        story = made.scenario_info()
        document = {
            "base_url": base_url,
            "tenant": registered.tenant if registered else None,
            "tenant_id": made.tenant_id,
            "domain": made.domain,
            "scenario": {key: story[key] for key in ("name", "compromised", "innocent")},
            "people": people,
        }
        click.echo(json.dumps(document))
        return
    click.echo(f"lab: {base_url}")
    if registered is not None:
        click.echo(f"tenantry: registered as the tenant {registered.tenant}; its people:", err=True)
        for shown in people:
            click.echo(f"  {shown['id']} ({', '.join(shown['roles'])})  {shown['otpauth_uri']}", err=True)
    if made.application == "nowhere":
        connect = f"tenantry connect m365 {registered.tenant if registered else 'NAME'} --directory {made.tenant_id}"
        click.echo(f"tenantry: for example: {connect} --stand-in {base_url} -o handover", err=True)
        click.echo("tenantry: and as the client's administrator, who has no real directory here, in turn:", err=True)
        for line in (
            f"curl -H 'Content-Type: application/json' -d @handover/m365-application.json {base_url}/_lab/register",
            'curl -X POST "$(cat handover/m365-consent.txt)"',
            f"""curl -d '{{"exchange": ["Exchange Administrator"]}}' {base_url}/_lab/permissions""",
        ):
            click.echo(f"  {line}", err=True)
        return
    for account in made.scenario_info()["compromised"][:1]:
        name = registered.tenant if registered else "NAME"
        key = made.scenario_info()["accounts"].get("key")
        begin = f"leaked_cloud_key --tenant {name} -p access_key={key}" if key else None
        if made.scenario == "ransomware":
            begin = _ransomware(name, made)
        begin = begin or f"business_email_compromise --tenant {name} -p account={account}"
        click.echo(f"tenantry: for example: tenantry run {begin}", err=True)


def _ransomware(name: str, made: Lab) -> str:
    """What a client would report of this story."""
    story = made.scenario_info()
    since = (made.tenant.start - timedelta(hours=30)).isoformat()
    return (
        f"ransomware --tenant {name} -p since={since} -p hosts=web1,db1 -p accounts={story['accounts']['finance']} "
        f"-p access_keys={story['accounts']['key']} -p buckets={story['artefacts']['bucket']['name']} -p known_good_ips=198.51.100.0/24"
    )


def _until_told() -> None:
    """Until interrupted or terminated."""
    import signal
    import threading

    told = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told.set())
    told.wait()
