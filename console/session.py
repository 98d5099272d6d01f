"""What commands do with the installation: open it, name who acts, find a run, say how it ended."""

from __future__ import annotations

import contextlib
import getpass
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from tenantry.errors import NotFound, OutOfScope, Refused, TenantryError

if TYPE_CHECKING:
    from flows.assembly import Installation
    from tenantry.estate import Roles
    from tenantry.journal.runs import RunIndex
    from tenantry.names import Role
    from tenantry.people import Person
    from tenantry.run import RunState

__all__ = ["Actor", "actor", "exit_code", "find_index", "find_run", "in_scope", "opened", "trusted"]


@contextlib.contextmanager
def opened() -> Iterator[Installation]:
    """The installation of TENANTRY_HOME, for the length of one command."""
    from flows.assembly import Installation

    with Installation.open() as installation:
        yield installation


class Actor:
    """Who gives a command.

    Attributes:
        person: an enrolled person's id, or None when only the machine's account is known.
        proven: a code was given for this command.
    """

    def __init__(self, person: str | None, *, proven: bool) -> None:
        self.person = person
        self.proven = proven

    @property
    def label(self) -> str:
        """For records that hold a name alone: it never looks like a proven person when it is none."""
        if self.person is None:
            return f"{account()} (account of this machine)"
        return self.person if self.proven else f"{self.person} (not proven)"

    def as_dict(self) -> dict[str, Any]:
        """``{person, name, proven, via, account}``, as runs record who asked."""
        return {
            "person": self.person,
            "name": self.label,
            "proven": self.proven,
            "via": "command line",
            "account": account(),
        }


def account() -> str:
    """The name of the account that runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without an entry
        return "unknown"


def actor(installation: Installation, person: str | None, *, purpose: str, tenant: str | None) -> Actor:
    """Who acts: nobody named, somebody named, or somebody who proves it with a code from the prompt or stdin.

    Args:
        person: of ``--as``.
        purpose: what the proof is for.
        tenant: that they must be allowed to touch.

    Raises:
        NotFound: nobody has this id (only said when no code was given).
        NotAuthenticated: a code was given, and it is not theirs.
        OutOfScope: the tenant is not theirs, or they are an auditor alone.
    """
    if person is None:
        return Actor(None, proven=False)
    from console import ask

    code = ask.optional_code(person)
    if code is not None:
        known = installation.people.authenticate(person, code, purpose=purpose, tenant=tenant).person
    else:
        known = _named(installation, person, tenant)
    if known.roles == {"auditor"}:
        raise OutOfScope(f"{person} is an auditor, who reads and never acts", remedy="Name an engineer.")
    if code is None:
        import click

        click.echo(f"tenantry: no code of {person} was given: recorded as named, not proven", err=True)
    return Actor(person, proven=code is not None)


def _named(installation: Installation, person: str, tenant: str | None) -> Person:
    try:
        known = installation.people.get(person)
    except NotFound as error:
        raise NotFound(error.message, place="--as", remedy=error.remedy) from error
    if not known.enabled:
        raise Refused(f"{person} is disabled", remedy="Name somebody who is enabled.")
    if tenant is not None and not known.covers(tenant):
        raise OutOfScope(f"{person} may not touch {tenant}", remedy="Name somebody with this tenant in their scope.")
    return known


def in_scope(installation: Installation, person: str | None, tenants: Iterable[str]) -> None:
    """Raises OutOfScope for the first of the tenants that the named person may not touch."""
    if person is None:
        return
    known = installation.people.get(person)
    for name in tenants:
        if not known.covers(name):
            raise OutOfScope(f"{person} may not touch {name}", remedy="Leave it out, or name somebody who may.")


def trusted(
    installation: Installation, person: str | None, *, purpose: str, tenant: str, needs: Callable[[Roles], Role]
) -> Actor:
    """Who acts, where the estate asks for a role: in an estate that was set up (``estate.yaml`` exists) somebody with that
    role, proven. Before that, as `actor`: there may be nobody yet who could.

    Raises:
        Refused: nobody was named. Otherwise as `actor`.
    """
    if not installation.home.estate.exists():
        return actor(installation, person, purpose=purpose, tenant=tenant)
    role = needs(installation.estate.roles)
    if person is None:
        raise Refused(f"this takes a {role} who proves it", remedy="Name them with --as PERSON and give their code.")
    from console import ask

    installation.people.authenticate(person, ask.code(person), purpose=purpose, tenant=tenant, role=role)
    return Actor(person, proven=True)


def find_run(installation: Installation, run: str) -> RunState:
    """The run with this id, or the one whose id begins so (six characters or more).

    Raises:
        NotFound: none, or several.
    """
    return installation.state(find_index(installation, run).run_id)


def find_index(installation: Installation, run: str) -> RunIndex:
    """As `find_run`, but only where it is: nothing of its record is read.

    Raises:
        NotFound: none, or several.
    """
    try:
        return installation.journal.run(run)
    except NotFound as error:
        raise NotFound(
            error.message,
            place="RUN",
            remedy="`tenantry runs list` shows the runs; six characters are enough where they name one run alone.",
        ) from error


_CODES: Final[Mapping[str, int]] = {
    "running": 0,
    "completed": 0,
    "planned": 0,
    "undone": 0,
    "completed_with_exceptions": 1,
    "waiting_for_approval": 3,
    "cancelled": 4,
}


def exit_code(view: Mapping[str, Any]) -> int:
    """The exit code that a run's JSON shape stands for: 4, or 5 when a rule refused a step, unless it is in the table."""
    settled = _CODES.get(view["status"])
    if settled is not None:
        return settled
    refused = _codes_below(Refused)
    return 5 if any(step["error"] and step["error"]["code"] in refused for step in view["steps"]) else 4


def _codes_below(family: type[TenantryError]) -> frozenset[str]:
    return frozenset({family.code}).union(*(_codes_below(kind) for kind in family.__subclasses__()))
