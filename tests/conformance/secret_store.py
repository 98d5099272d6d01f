"""What every secret store must do."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from tenantry.errors import Conflict, InvalidInput, NotFound, Refused
from tenantry.secretstore import Facts, SecretStore

CANARY = "canary-of-a-store-7d1e"
NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
FACTS = Facts.of("client_secret", NOW, NOW - timedelta(days=30), {"key_id": "0f1e", "für": "Bücher & <tags> = +/@"})


class SecretStoreConformance:
    """Inherit and give the fixture ``store``: empty, with the tenants ``acme`` and ``beta``. ``deletes_versions``: whether it deletes
    single versions."""

    deletes_versions = True

    def test_put_and_get(self, store: SecretStore) -> None:
        stored = store.put("acme", "m365/App.Key_1@x-y", CANARY.encode(), FACTS)
        assert (stored.tenant, stored.name, stored.version) == ("acme", "m365/App.Key_1@x-y", 1)
        assert stored.facts == FACTS
        opened = store.get("acme", "m365/App.Key_1@x-y")
        assert opened.value.get_secret_value() == CANARY.encode()
        assert opened.version == 1
        assert CANARY not in repr(opened)
        assert abs((stored.created_at - datetime.now(UTC)).total_seconds()) < 3600

    @pytest.mark.parametrize("value", [b"\x00\xff\xfe" * 9, "ünïcode \n line".encode(), b"x" * 15_000])
    def test_any_bytes_come_back_the_same(self, store: SecretStore, value: bytes) -> None:
        store.put("acme", "bytes", value, Facts())
        assert store.get("acme", "bytes").value.get_secret_value() == value

    def test_versions(self, store: SecretStore) -> None:
        for number in range(1, 5):
            store.put("acme", "a", f"value {number}".encode(), Facts.of(metadata={"n": str(number)}), expect=number - 1)
        assert store.get("acme", "a").value.get_secret_value() == b"value 4"
        assert store.get("acme", "a", 2).value.get_secret_value() == b"value 2"
        known = store.versions("acme", "a")
        assert [version.version for version in known] == [4, 3, 2, 1]
        assert known[0].metadata == {"n": "4"}
        assert [found.version for found in store.list("acme")] == [4]
        for missing in (5, 99):
            with pytest.raises(NotFound):
                store.get("acme", "a", missing)

    def test_list_shows_facts_and_opens_nothing(self, store: SecretStore) -> None:
        for name in ("b", "a", "a/b", "a/b/c"):
            store.put("acme", name, CANARY.encode(), FACTS)
        store.put("beta", "z", b"another", Facts())
        found = store.list("acme")
        assert [version.name for version in found] == ["a", "a/b", "a/b/c", "b"]
        assert {version.facts for version in map(_hashable, found)} == {_hashable(found[0]).facts}
        assert found[0].facts == FACTS
        assert CANARY not in repr(found)
        assert store.list("nobody") == []

    def test_a_long_list_is_whole(self, store: SecretStore) -> None:
        for number in range(30):
            store.put("acme", f"many/{number:03d}", b"x", Facts())
        assert len(store.list("acme")) == 30

    def test_tenants_are_apart(self, store: SecretStore) -> None:
        store.put("acme", "same", b"of acme", Facts())
        store.put("beta", "same", b"of beta", Facts())
        assert store.get("acme", "same").value.get_secret_value() == b"of acme"
        store.delete("acme", "same")
        assert store.get("beta", "same").value.get_secret_value() == b"of beta"
        for tenant in ("acme", "bet", "beta-2", "acm"):
            with pytest.raises(NotFound):
                store.get(tenant, "same")
        assert store.versions("acme", "same") == ()

    def test_names_that_only_differ_in_what_some_services_do_not_tell_apart(self, store: SecretStore) -> None:
        names = ["App", "app", "APP", "a-pp", "a--pp", "a.pp", "a/pp", "a_pp", "a-2dpp", "a-2fpp", "n" * 120, "n" * 121]
        for name in names:
            store.put("acme", name, name.encode(), Facts(), expect=0)
        for name in names:
            assert store.get("acme", name).value.get_secret_value() == name.encode()
        assert sorted(names) == [found.name for found in store.list("acme")]

    def test_check_and_set(self, store: SecretStore) -> None:
        with pytest.raises(Conflict):
            store.put("acme", "cas", b"x", Facts(), expect=1)
        store.put("acme", "cas", b"first", Facts(), expect=0)
        for stale in (0, 2, 7):
            with pytest.raises(Conflict):
                store.put("acme", "cas", b"stale", Facts(), expect=stale)
        assert store.put("acme", "cas", b"second", Facts(), expect=1).version == 2
        assert store.get("acme", "cas").value.get_secret_value() == b"second"
        assert len(store.versions("acme", "cas")) == 2

    def test_of_many_who_check_and_set_at_once_one_wins(self, store: SecretStore) -> None:
        store.put("acme", "race", b"first", Facts())

        def attempt(number: int) -> bool:
            try:
                store.put("acme", "race", f"by {number}".encode(), Facts(), expect=1)
            except Conflict:
                return False
            return True

        with ThreadPoolExecutor(6) as pool:
            won = list(pool.map(attempt, range(6)))
        assert won.count(True) == 1
        assert store.get("acme", "race").value.get_secret_value() == f"by {won.index(True)}".encode()

    def test_delete_is_proven(self, store: SecretStore) -> None:
        for _ in range(3):
            store.put("acme", "gone", CANARY.encode(), FACTS)
        done = store.delete("acme", "gone")
        assert (done.versions, done.proven) == (3, True)
        assert done.how
        for version in (None, 1, 2, 3):
            with pytest.raises(NotFound):
                store.get("acme", "gone", version)
        assert store.list("acme") == []
        with pytest.raises(NotFound):
            store.delete("acme", "gone")
        assert store.put("acme", "gone", b"again", Facts(), expect=0).version >= 1
        assert store.get("acme", "gone").value.get_secret_value() == b"again"

    def test_deleting_one_version(self, store: SecretStore) -> None:
        for number in (1, 2, 3):
            store.put("acme", "some", f"value {number}".encode(), Facts.of(metadata={"n": str(number)}))
        if not self.deletes_versions:
            with pytest.raises(Refused):
                store.delete("acme", "some", 2)
            return
        assert store.delete("acme", "some", 3).proven
        assert [found.version for found in store.versions("acme", "some")] == [2, 1]
        assert store.get("acme", "some").value.get_secret_value() == b"value 2"
        assert store.versions("acme", "some")[0].metadata["n"] == "2"
        with pytest.raises(NotFound):
            store.delete("acme", "some", 3)
        assert store.put("acme", "some", b"value 4", Facts(), expect=2).version == 4
        assert store.get("acme", "some").value.get_secret_value() == b"value 4"

    def test_what_is_missing(self, store: SecretStore) -> None:
        for ask in (store.get, store.delete):
            with pytest.raises(NotFound):
                ask("acme", "never")
        assert store.versions("acme", "never") == ()

    def test_too_large_is_refused_by_name(self, store: SecretStore) -> None:
        if store.vendor == "embedded":
            return  # the vault refuses it before
        with pytest.raises(InvalidInput):
            store.put("acme", "large", b"x" * 900_000, Facts())
        assert store.list("acme") == []

    def test_the_most_metadata(self, store: SecretStore) -> None:
        most = Facts.of("k" * 64, NOW, NOW, {"m": "\u00e9" * 990})
        store.put("acme", "most", b"x", most)
        assert store.list("acme")[0].facts == most

    def test_usable(self, store: SecretStore) -> None:
        checked = store.check()
        assert checked.ok, checked.problems
        assert checked.problems == ()


def _hashable(version: object) -> object:
    class _Facts:
        facts = repr(version.facts)  # type: ignore[attr-defined]

    return _Facts


Make = Callable[..., SecretStore]
