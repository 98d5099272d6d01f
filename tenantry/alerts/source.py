"""What a source of alerts is: one class a file in `tenantry.alerts.sources`, named like the file."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar

from tenantry.alerts.model import Alert
from tenantry.alerts.proof import SCHEMES
from tenantry.alerts.reading import Reading
from tenantry.errors import InvalidInput, NotFound
from tenantry.onefile import contributed

__all__ = ["Source", "source", "sources"]

_PACKAGE = "tenantry.alerts.sources"


class Source(abc.ABC):
    """How a vendor's messages are read. Pure: no network, no clock, no state.

    Attributes:
        kind: the file's stem; what estate.yaml names.
        title: what people call it.
        proofs: by which of `tenantry.alerts.proof.SCHEMES` its messages can be proven, the vendor's own first.
    """

    kind: ClassVar[str]
    title: ClassVar[str]
    proofs: ClassVar[tuple[str, ...]]

    def items(self, body: Any, settings: Mapping[str, Any]) -> list[Any]:
        """The alerts of a message, each as the vendor wrote it. One, unless a source says otherwise.

        Raises:
            InvalidInput: it is none of theirs.
        """
        del settings
        return [body]

    @abc.abstractmethod
    def read(self, item: Reading, settings: Mapping[str, Any]) -> Alert | None:
        """One of them; None when it is no alert (a comment, a heartbeat).

        Raises:
            InvalidInput: naming what is missing or wrong.
        """


def listed(body: Any, *names: str) -> list[Any]:
    """What a message lists under the first of these names; itself where it lists nothing.

    Raises:
        InvalidInput: not an object, or a list that is none or is too long.
    """
    message = Reading(body)
    for name in names:
        if message.at(name) is not None:
            return message.values(name)
    return [body]


@cache
def sources() -> dict[str, Source]:
    """Every source, by kind.

    Raises:
        InvalidInput: with everything that breaks the contract.
    """
    found: dict[str, Source] = {}
    wrong: list[str] = []
    for module, made in contributed(_PACKAGE, Source, "source", wrong):
        stem = module.__name__.rpartition(".")[2]
        if getattr(made, "kind", None) != stem:
            wrong.append(f"{module.__file__}: by its file the source is called {stem!r}")
        elif not made.proofs or not set(made.proofs) <= set(SCHEMES):
            wrong.append(f"{module.__file__}: it needs proofs, each one of {', '.join(SCHEMES)}")
        elif not (made.__doc__ or "").strip():
            wrong.append(f"{module.__file__}: it needs a docstring")
        else:
            found[stem] = made()
    if wrong:
        raise InvalidInput("; ".join(wrong))
    return dict(sorted(found.items()))


def source(kind: str) -> Source:
    """Raises NotFound."""
    try:
        return sources()[kind]
    except KeyError:
        raise NotFound(f"there is no source of alerts {kind[:60]!r}", place="kind") from None
