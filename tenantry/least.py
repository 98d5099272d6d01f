"""The least that a tenant must grant, as its administrators enter it: Graph application permissions, an IAM policy, sudoers lines.

What is needed comes from the tasks' own declarations; a provider may put it into words of its own (`LeastPrivilege`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, runtime_checkable

__all__ = ["Excess", "Grant", "LeastPrivilege", "excess", "least"]

_EXCHANGE: Final = "Exchange."
_SUDOERS_SPECIAL: Final = frozenset(",:=\\")


@dataclass(frozen=True, slots=True)
class Grant:
    """What to grant at one vendor.

    Attributes:
        format: ``graph``, ``iam``, ``sudoers`` or ``list``.
        text: to be entered there.
    """

    format: str
    names: tuple[str, ...]
    text: str


@runtime_checkable
class LeastPrivilege(Protocol):
    """A provider that words its least privilege itself."""

    def least_privilege(self, names: Sequence[str], settings: Any) -> Grant:
        """``names`` as tasks declare them, sorted, each once; ``settings`` as in the tenant's file."""
        ...


def least(vendor: str, names: Iterable[str], settings: Mapping[str, Any], provider: object = None) -> Grant:
    """The document for a vendor.

    Args:
        names: permissions in the vendor's words.
        settings: of the tenant's file; sudoers lines are for the ``user`` among them.
        provider: has its own wording when it is a `LeastPrivilege`.
    """
    wanted = tuple(sorted(set(names)))
    if isinstance(provider, LeastPrivilege):
        return provider.least_privilege(wanted, settings)
    return _WORDS.get(vendor, _list)(wanted, settings)


def _graph(names: tuple[str, ...], _settings: Mapping[str, Any]) -> Grant:
    """Application permissions (learn.microsoft.com/graph/permissions-reference); Exchange's are of another resource."""
    graph = [name for name in names if not name.startswith(_EXCHANGE)]
    exchange = [name for name in names if name.startswith(_EXCHANGE)]
    lines = ["# Microsoft Graph, application permissions, with admin consent", *graph]
    if exchange:
        lines += [
            "# Office 365 Exchange Online, application permissions; and for the application an Exchange role that may do this",
            *exchange,
        ]
    return Grant("graph", names, "\n".join(lines) + "\n")


def _iam(names: tuple[str, ...], _settings: Mapping[str, Any]) -> Grant:
    """A policy (docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html), one statement a service."""
    services: dict[str, list[str]] = {}
    for name in names:
        services.setdefault(name.partition(":")[0], []).append(name)
    statements = [
        {"Sid": f"Tenantry{service.replace('-', '').title()}", "Effect": "Allow", "Action": actions, "Resource": "*"}
        for service, actions in services.items()
    ]
    return Grant("iam", names, json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2) + "\n")


def _sudoers(names: tuple[str, ...], settings: Mapping[str, Any]) -> Grant:
    """Lines of sudoers(5), one a command, so that a difference shows; its special characters are escaped."""
    user = str(settings.get("user") or "tenantry")
    lines = [f"{user} ALL=(root) NOPASSWD: {''.join(_escaped(name))}" for name in names]
    return Grant("sudoers", names, "\n".join(lines) + "\n" if lines else "")


def _escaped(command: str) -> Iterable[str]:
    return (f"\\{character}" if character in _SUDOERS_SPECIAL else character for character in command)


def _list(names: tuple[str, ...], _settings: Mapping[str, Any]) -> Grant:
    return Grant("list", names, "".join(f"{name}\n" for name in names))


_WORDS: Final = {"microsoft365": _graph, "aws": _iam, "linux": _sudoers, "ssh": _sudoers}


@dataclass(frozen=True, slots=True)
class Excess:
    """A permission that is granted and not needed as it is.

    Attributes:
        instead: what of it is needed: grant this instead. Empty: nothing of it is.
    """

    name: str
    instead: tuple[str, ...]


def excess(granted: Iterable[str], needed: Iterable[str], wider: Mapping[str, frozenset[str]]) -> list[Excess]:
    """What is granted beyond the least privilege.

    Args:
        granted: what was given as it stands.
        wider: name → everything that it contains.
    """
    given, wanted = set(granted), set(needed)
    found = []
    for name in sorted(given - wanted):
        others = set().union(*(wider.get(other, frozenset()) | {other} for other in given - {name}))
        contained = wider.get(name, frozenset()) & wanted
        found.append(Excess(name, tuple(sorted(contained - others))))
    return found
