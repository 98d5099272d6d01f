"""Which paths exist, which application permissions allow each, and who answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from integrations.lab.graph.call import Call
from integrations.lab.web import Answer

Handler = Callable[[Call], Answer]
Family = Literal["directory", "outlook", "reports", "risk", "security"]


@dataclass(frozen=True, slots=True)
class Route:
    """One method on one path.

    ``permissions``: any one of these application permissions allows it; empty: any token.
    ``options``: the OData query options it takes.
    ``family``: decides how refusals look and which quota counts.
    """

    method: str
    template: str
    permissions: frozenset[str]
    handler: Handler
    family: Family
    options: frozenset[str]
    versions: tuple[str, ...]


class Routes:
    """A set of routes that a module declares."""

    def __init__(self, family: Family) -> None:
        self._family = family
        self.all: list[Route] = []

    def add(
        self,
        method: str,
        template: str,
        permissions: str,
        *,
        options: str = "",
        versions: tuple[str, ...] = ("v1.0", "beta"),
        family: Family | None = None,
    ) -> Callable[[Handler], Handler]:
        """Declare a handler.

        Args:
            method: HTTP method.
            template: ``users/{user}/messages``.
            permissions: names separated by spaces.
            options: query options without ``$``, separated by spaces.
            versions: where the path exists.
            family: when it differs from the module's.
        """

        def register(handler: Handler) -> Handler:
            self.all.append(
                Route(
                    method,
                    template,
                    frozenset(permissions.split()),
                    handler,
                    family or self._family,
                    frozenset(f"${name}" for name in options.split()),
                    versions,
                )
            )
            return handler

        return register


@dataclass(slots=True)
class _Node:
    fixed: dict[str, _Node] = field(default_factory=dict)
    variable: _Node | None = None
    routes: dict[str, tuple[Route, tuple[str, ...]]] = field(default_factory=dict)


class Router:
    """Finds the route for a path in as many steps as it has segments."""

    def __init__(self, version: str, routes: Iterable[Route]) -> None:
        self._root = _Node()
        for route in routes:
            if version in route.versions:
                self._add(route)

    def find(self, path: str) -> tuple[dict[str, tuple[Route, tuple[str, ...]]], list[str]] | None:
        """The routes of a path by method, and the values of its variables in order; None: no such path."""
        values: list[str] = []
        node = self._root
        for segment in path.strip("/").split("/"):
            # Graph's segments are case-insensitive, keys are not touched.
            following = node.fixed.get(segment.lower())
            if following is None:
                if node.variable is None or not segment:
                    return None
                following = node.variable
                values.append(segment)
            node = following
        return (node.routes, values) if node.routes else None

    def _add(self, route: Route) -> None:
        node = self._root
        names: list[str] = []
        for segment in route.template.split("/"):
            if segment.startswith("{"):
                names.append(segment[1:-1])
                node.variable = node.variable or _Node()
                node = node.variable
            else:
                node = node.fixed.setdefault(segment.lower(), _Node())
        node.routes[route.method] = (route, tuple(names))
