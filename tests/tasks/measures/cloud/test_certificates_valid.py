from __future__ import annotations

from datetime import timedelta

from tasks.measures.cloud.certificates_valid import CertificatesValid
from tests.tasks.checks._cloud import NOW, OLD, provider
from tests.tasks.measures.cloud.asked import asked


def test_when_they_end() -> None:
    assert asked(CertificatesValid, provider(expires_at=NOW + timedelta(days=90))) == []
    assert asked(CertificatesValid, provider(expires_at=NOW + timedelta(days=20))) == [
        "its certificates end on 2026-12-12"
    ]
    assert asked(CertificatesValid, provider(expires_at=OLD)) == ["its certificates end on 2026-01-26"]


def test_what_is_not_told_is_unknown_and_others_have_none() -> None:
    assert asked(CertificatesValid, provider()) == "until when the certificates of okta are good is not told"
    assert asked(CertificatesValid, provider(kind="oidc")) is None
