"""The console's application in front of a real broker."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from console.web import drop
from console.web.app import application
from tenantry.broker import ConsoleHand
from tenantry.drop import Expected, Made
from tenantry.home import Home
from tests.tenantry.broker.conftest import Place
from tests.tenantry.broker.test_console import make

BASE = "http://drops.example"


class Front:
    """A console and its broker; ``away`` and ``back`` are the broker's. ``client`` is one browser's address and cookies."""

    def __init__(self, home: Home) -> None:
        self.place = Place(home)
        self.now = 0.0
        self.rejected = 0

    @contextmanager
    def serving(self, *, tls: bool = False) -> Iterator[TestClient]:
        with self.place.serving() as hand:
            front = ConsoleHand(self.place.home.broker_socket, hand.grant_console(pid=os.getpid()), patience=0.2)
            with self.client(front, tls=tls) as client:
                yield client
            front.close()

    @contextmanager
    def client(self, hand: drop.Hand, *, tls: bool = False) -> Iterator[TestClient]:
        def rejected() -> None:
            self.rejected += 1

        app = application(drop.routes(hand, secure=tls, clock=lambda: self.now), tls=tls, rejected=rejected)
        with TestClient(app, base_url=BASE.replace("http:", "https:") if tls else BASE) as client:
            yield client

    def make(self, *expected: Expected) -> Made:
        return make(self.place, *expected)


@pytest.fixture
def front(tmp_path: Path) -> Front:
    return Front(Home(tmp_path / "home").ensure())
