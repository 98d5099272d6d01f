"""Connecting a client's cloud: what we make, what the client's administrator does with it, and the proof that it works.

Each call does what can be done now and says what comes next, so the same command is given again after every act of the client's. It
repeats nothing: what is there is found, and what it would change in the tenant's file it shows.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal

from console import checkup
from tenantry.journal import MSP, Event
from tenantry.providers import Endpoint, Reaches

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from console.session import Actor
    from flows.assembly import Installation
    from tenantry.tenants import ProviderConfig, Tenant

__all__ = ["Connecting", "Sheet", "Step", "addresses", "needed", "set_entry", "together", "verify"]

State = Literal["done", "theirs", "failed"]
"""``theirs``: the client's administrator does it now. ``failed``: looked at, and it is not as it should be."""
_SIGN_IN: Final = "does not sign in yet"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a connected client has."""

    id: str
    state: State
    text: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """Something to be handed over. Nothing secret.

    Attributes:
        file: its name, where it is written into a folder.
        title: what it is and who does what with it.
    """

    file: str
    title: str
    text: str


@dataclass(slots=True)
class Connecting:
    """How far a client's provider is connected.

    Attributes:
        changed: what was written into the tenant's file, as `diff -u` shows it.
        check: what the provider said, once it can be asked.
        callers: networks that our calls come from, as estate.yaml names them.
    """

    tenant: str
    vendor: str
    provider: str
    steps: list[Step] = field(default_factory=list)
    sheets: list[Sheet] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    endpoints: list[Endpoint] = field(default_factory=list)
    callers: list[str] = field(default_factory=list)
    check: dict[str, Any] | None = None

    def say(self, id: str, state: State, text: str) -> None:
        self.steps.append(Step(id, state, text))

    @property
    def ok(self) -> bool:
        return all(step.state == "done" for step in self.steps)

    @property
    def exit_code(self) -> int:
        """0: connected and verified. 3: the client's administrator is next. 1: looked at, and something is wrong."""
        if any(step.state == "failed" for step in self.steps):
            return 1
        return 0 if self.ok else 3

    def as_dict(self) -> dict[str, Any]:
        """JSON shape."""
        return asdict(self) | {"ok": self.ok}


def needed(installation: Installation, vendor: str, runbooks: Sequence[str]) -> set[str]:
    """Permissions that these runbooks' tasks declare at a vendor; of every runbook where none is named."""
    for runbook in runbooks:
        installation.catalog.get(runbook)  # says which one there is not
    return checkup.needs_by_vendor(installation, runbooks or installation.catalog.ids()).get(vendor, set())


def set_entry(
    installation: Installation,
    found: Connecting,
    section: Literal["providers", "estate_handles"],
    value: Any,
    by: Actor,
    key: str | None = None,
) -> None:
    """Set an entry of the tenant's file, record that, and keep what changed to be shown."""
    name = key or found.provider
    changed = installation.tenants.set_entry(found.tenant, section, name, value)
    if changed:
        payload = {"tenant": found.tenant, "entry": f"{section}.{name}", "by": by.as_dict()}
        installation.journal.append(MSP, [Event("tenant.changed", payload)])
        found.changed.append(changed)


async def verify(installation: Installation, found: Connecting, names: Iterable[str]) -> None:
    """Sign in, compare what is granted with what is needed, use each permission that can be used harmlessly."""
    tenant = installation.tenants.get(found.tenant)
    shown = await checkup.one(installation, tenant, found.provider, set(names))
    found.check = shown
    if not shown["signed_in"]:
        found.say("sign_in", "theirs", f"{_SIGN_IN}: {' '.join(shown['problems'])}")
        return
    found.say("sign_in", "done", "signs in")
    refused = sorted(name for name, worked in shown["tried"].items() if worked is False)
    missing = sorted(shown["missing"] or ())
    refused = [name for name in refused if name not in missing]
    if missing or refused:
        lacking = [f"not granted: {', '.join(missing)}"] if missing else []
        lacking += [f"refused when it was used: {', '.join(refused)}"] if refused else []
        found.say("permissions", "theirs", "; ".join(lacking))
    elif shown["missing"] is None:
        used = sum(1 for worked in shown["tried"].values() if worked)
        found.say("permissions", "done", f"the vendor does not say what is granted; {used} were used")
    else:
        used = sum(1 for worked in shown["tried"].values() if worked)
        found.say("permissions", "done", f"all {shown['needed']} are granted, {used} of them used just now")
    for one in shown["over_privileged"]:
        instead = f"; grant {', '.join(one['instead'])} instead" if one["instead"] else ""
        found.say("excess", "failed", f"{one['name']} is more than any runbook needs{instead}")
    for problem in shown["problems"]:
        found.say("check", "theirs" if missing or refused else "failed", problem)


def addresses(installation: Installation, tenant: Tenant) -> tuple[list[Endpoint], list[str]]:
    """Where this machine connects to for a tenant, by each of its providers, and where those calls come from."""
    estate = installation.estate
    shared = {key: config for key, config in estate.providers.items() if key in tenant.estate_handles}
    found = [
        one
        for config in (*tenant.providers.values(), *shared.values())
        for one in _reached(installation, config, lends=config in shared.values())
    ]
    return together(found), [str(network) for network in estate.known_networks]


def together(endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    """Each address once, with everything that it is for."""
    purposes: dict[tuple[str, int], list[str]] = {}
    for one in endpoints:
        known = purposes.setdefault((one.host, one.port), [])
        if one.purpose not in known:
            known.append(one.purpose)
    return [Endpoint(host, port, ", ".join(what)) for (host, port), what in purposes.items()]


def _reached(installation: Installation, config: ProviderConfig, *, lends: bool) -> Iterable[Endpoint]:
    vendor = installation.providers.get(config.vendor)
    if isinstance(vendor, Reaches):
        if hasattr(vendor, "EstateSettings") and lends:
            return ()  # its credential serves the client's own block, which says where to
        hubs = (one.settings for one in installation.estate.providers.values() if one.vendor == config.vendor)
        return vendor.endpoints(config.settings, next(hubs, None))
    address = config.settings.get("base_url")
    return (Endpoint.of(address, config.vendor),) if isinstance(address, str) else ()
