"""Accounts at the stand, filled as the conformance suites need them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from integrations.aws.provider import AwsHandle
from tests.support.aws_stand import Account, AwsStand, stand_fixture


@pytest.fixture
def aws() -> Iterator[AwsStand]:
    yield from stand_fixture()


@pytest.fixture
def account(aws: AwsStand) -> Account:
    return aws.new_account()


@pytest.fixture
async def handle(account: Account) -> AsyncIterator[AwsHandle]:
    opened = await account.open()
    yield opened
    await opened.aclose()
