"""One cmdlet call: what a cmdlet declares, what it is given, and how it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from integrations.lab.mailbox import Mailbox
from integrations.lab.state import Tenant
from integrations.lab.web import Answer, Refusal, Request

if TYPE_CHECKING:
    from integrations.lab.lab import Lab

Row = dict[str, Any]
_NAMESPACE = "Microsoft.Exchange.Configuration.Tasks"


@dataclass(slots=True)
class Command:
    """A cmdlet call that was admitted."""

    lab: Lab
    request: Request
    name: str
    args: Mapping[str, Any]
    """Parameters by lower-case name."""
    caller: str
    now: float
    warnings: list[str] = field(default_factory=list)

    @property
    def tenant(self) -> Tenant:
        """The state."""
        return self.lab.tenant

    def arg(self, name: str) -> Any:
        """A parameter's value; None when it was not given."""
        return self.args.get(name.lower())

    def has(self, name: str) -> bool:
        """Whether the parameter was given, even as null."""
        return name.lower() in self.args

    def mailbox(self, name: str = "Identity") -> Mailbox:
        """The mailbox that a parameter names: address, object id or alias."""
        return self.tenant.mailbox(self.recipient(str(self.arg(name) or "")))

    def recipient(self, key: str) -> int:
        """The index of the user that ``key`` names.

        Raises:
            Refusal: ManagementObjectNotFound.
        """
        directory = self.tenant.directory
        index = directory.resolve(key)
        if index is None and "@" not in key:
            index = directory.resolve(f"{key}@{directory.domain}")
        if index is None:
            raise missing(f"The operation couldn't be performed because object '{key}' couldn't be found.")
        return index

    def wrote(self, target: str, before: Any, after: Any) -> None:
        """Put an accepted write into the audit."""
        self.lab.wrote("exchange", self.name, target, before, after, self.caller)


@dataclass(frozen=True, slots=True)
class Cmdlet:
    """What a cmdlet takes. Types: str, bool, int, list; None in ``nullable``."""

    name: str
    handler: Callable[[Command], list[Row]]
    params: Mapping[str, type]
    required: frozenset[str]
    nullable: frozenset[str]
    mailbox: bool
    """It is about one mailbox, so the request needs an anchor."""
    writes: bool
    sorted_pages: bool = True


class Cmdlets:
    """The cmdlets that a module declares."""

    def __init__(self) -> None:
        self.all: dict[str, Cmdlet] = {}

    def add(
        self,
        name: str,
        params: Mapping[str, type],
        *,
        required: str = "",
        nullable: str = "",
        mailbox: bool = True,
    ) -> Callable[[Callable[[Command], list[Row]]], Callable[[Command], list[Row]]]:
        """Declare a cmdlet; names are separated by spaces. A name that begins with Get- reads, any other writes."""

        def register(handler: Callable[[Command], list[Row]]) -> Callable[[Command], list[Row]]:
            self.all[name.lower()] = Cmdlet(
                name,
                handler,
                {key.lower(): kind for key, kind in params.items()},
                frozenset(required.lower().split()),
                frozenset(nullable.lower().split()),
                mailbox,
                not name.startswith("Get-"),
            )
            return handler

        return register


def failure(status: int, code: str, exception: str, text: str, number: str = "Ex6F9304") -> Refusal:
    """A cmdlet's error: what happened stands in ``details[].message`` between vertical bars."""
    return Refusal(
        Answer(
            status,
            {
                "error": {
                    "code": code,
                    "message": "Error executing cmdlet",
                    "details": [{"code": "Client", "target": "", "message": f"{number}|{exception}|{text}"}],
                    "innererror": {
                        "message": "Error executing cmdlet",
                        "type": "Microsoft.Exchange.Admin.OData.Core.ODataServiceException",
                        "stacktrace": "",
                        "internalexception": {"message": text, "type": exception, "stacktrace": ""},
                    },
                }
            },
        ),
        exception,
    )


def missing(text: str) -> Refusal:
    """The object does not exist."""
    return failure(404, "NotFound", f"{_NAMESPACE}.ManagementObjectNotFoundException", text)


def invalid(text: str, exception: str = "System.Management.Automation.ParameterBindingException") -> Refusal:
    """The parameters are wrong."""
    return failure(400, "BadRequest", exception, text, "ExB0A4C1")
