"""What goes wrong with a store, on the real server: used-up secret ids, races, a seal in mid-run, a lost leader, no network."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretBytes

from flows.stores import store_opener
from integrations.openbao.store import OpenBaoSettings, OpenBaoStore
from tenantry.errors import (
    Conflict,
    InvalidTenant,
    PermissionMissing,
    SecretUnreadable,
    SignInFailed,
    StoreUnavailable,
    VaultLocked,
)
from tenantry.home import Home
from tenantry.names import MSP
from tenantry.secretstore import Facts
from tenantry.tenants import TenantStore
from tenantry.vault import Vault
from tests.conformance.secret_store import CANARY
from tests.support.bao import Bao
from tests.support.lab_stand import LabStand


def read(store: OpenBaoStore) -> bytes:
    return store.get("acme", "a").value.get_secret_value()


# --- AppRole ----------------------------------------------------------------------------------------------------------


def test_a_secret_id_good_for_one_sign_in_is_enough_while_the_token_lives(bao: Bao) -> None:
    now = [0.0]
    store = bao.store(uses=1)
    store._monotonic = lambda: now[0]
    store.put("acme", "a", b"x", Facts())
    first = store._token
    for _ in range(5):
        now[0] += 900.0  # beyond half of the token's life of 20 minutes: renewed, not signed in again
        assert read(store) == b"x"
    assert store._token == first


def test_a_used_up_secret_id_is_said_and_does_no_damage(bao: Bao) -> None:
    prefix = "tenantry-single-use"
    role = bao.role(prefix, uses=1)
    settings = OpenBaoSettings.model_validate(bao.settings(role, prefix))
    given = [bao.secret_id(role)]
    store = OpenBaoStore("bao", settings, lambda: SecretBytes(given[0].encode()))
    store.put("acme", "a", b"x", Facts())
    again = OpenBaoStore("bao", settings, lambda: SecretBytes(given[0].encode()))
    with pytest.raises(SignInFailed) as error:
        read(again)
    assert "secret id" in error.value.remedy
    assert given[0] not in f"{error.value} {error.value.detail}"
    assert not again.check().ok
    assert read(store) == b"x"
    bao.call("POST", "auth/token/revoke", {"token": store._token})  # and now the one that was signed in, too
    with pytest.raises(SignInFailed):
        read(store)
    given[0] = bao.secret_id(role)
    assert read(store) == b"x"


def test_many_threads_sign_in_once(bao: Bao) -> None:
    store = bao.store(uses=1)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.put("acme", f"n/{n}", b"x", Facts()), range(8)))
    assert len(store.list("acme")) == 8


def test_a_role_reaches_its_own_prefix_alone(bao: Bao) -> None:
    mine, theirs = bao.store(prefix="tenantry-mine"), bao.store(prefix="tenantry-theirs")
    theirs.put("acme", "a", CANARY.encode(), Facts())
    stray = OpenBaoStore("bao", mine._settings.model_copy(update={"prefix": "tenantry-theirs"}), mine._secret_id)
    for attempt in (lambda: read(stray), lambda: stray.list("acme"), lambda: stray.put("acme", "b", b"x", Facts())):
        with pytest.raises(PermissionMissing):
            attempt()
    assert not stray.check().ok


# --- races ------------------------------------------------------------------------------------------------------------


def test_the_server_decides_a_race_whatever_was_seen_before(bao: Bao, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = bao.store(prefix="tenantry-race")
    theirs = bao.store(prefix="tenantry-race")
    mine.put("acme", "a", b"first", Facts())
    seen = mine._metadata("acme", "a")
    theirs.put("acme", "a", b"second", Facts(), expect=1)
    with monkeypatch.context() as patched:
        patched.setattr(mine, "_metadata", lambda *_: seen)
        with pytest.raises(Conflict):
            mine.put("acme", "a", b"late", Facts(), expect=1)
    assert read(mine) == b"second"
    assert [version.version for version in mine.versions("acme", "a")] == [2, 1]


def test_a_value_moved_to_another_tenants_path_is_not_opened(bao: Bao) -> None:
    store = bao.store(prefix="tenantry-moved")
    store.put("beta", "a", CANARY.encode(), Facts())
    data = bao.call("GET", "secret/data/tenantry-moved/beta/a")["data"]["data"]
    bao.call("POST", "secret/data/tenantry-moved/acme/a", {"data": data})
    bao.call("POST", "secret/data/tenantry-moved/acme/foreign", {"data": {"password": CANARY}})
    for name in ("a", "foreign"):
        with pytest.raises(SecretUnreadable) as error:
            store.get("acme", name)
        assert CANARY not in str(error.value)


def test_killed_between_the_value_and_its_tags_the_list_is_right(bao: Bao, monkeypatch: pytest.MonkeyPatch) -> None:
    store = bao.store()
    store.put("acme", "a", b"one", Facts.of("old"))
    call = store._call

    def killed(method: str, area: str, *args: Any, **kwargs: Any) -> Any:
        if (method, area) == ("POST", "metadata"):
            raise KeyboardInterrupt
        return call(method, area, *args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(store, "_call", killed)
        with pytest.raises(KeyboardInterrupt):
            store.put("acme", "a", b"two", Facts.of("new", metadata={"k": "v"}))
    (found,) = store.list("acme")
    assert (found.version, found.kind, found.metadata) == (2, "new", {"k": "v"})


# --- sealed -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def unsealed(bao: Bao) -> Iterator[Bao]:
    yield bao
    if bao.api.get("sys/health").status_code == 503:
        bao.unseal()


def test_sealed_is_said_and_passes(unsealed: Bao) -> None:
    store = unsealed.store()
    store.put("acme", "a", b"x", Facts())
    unsealed.seal()
    for attempt in (lambda: read(store), lambda: store.list("acme"), lambda: store.put("acme", "a", b"y", Facts())):
        with pytest.raises(StoreUnavailable) as error:
            attempt()
        assert "nseal" in error.value.remedy
        assert error.value.retryable
    assert not store.check().ok
    unsealed.unseal()
    assert read(store) == b"x"
    assert len(store.versions("acme", "a")) == 1


RUNBOOK = """\
id: seal
version: 1
title: A step, and one that needs the vault
kind: incident
params:
  account: {type: account, title: The account}
phases: [contain]
steps:
  - {id: block, title: Block, phase: contain, uses: identity.disable_sign_in, with: {account: "${params.account}"}}
  - id: reset
    title: New password
    phase: contain
    uses: identity.reset_password
    needs: [block]
    with: {account: "${params.account}"}
"""


async def test_sealed_in_mid_run_the_run_resumes_and_does_everything_once(unsealed: Bao, tmp_path: Path) -> None:
    from flows.assembly import TenantSecrets

    stand = LabStand(tmp_path / "home", scenario="bec", users=20, serve=False)
    home = stand.stand.home
    prefix = "tenantry-midrun"
    role = unsealed.role(prefix)
    settings = unsealed.settings(role, prefix)
    home.estate.write_text(
        f"secret_store: bao\nsecret_stores:\n  bao:\n    vendor: openbao\n    settings: {json.dumps(settings)}\n"
        "    secrets: {secret_id: vault:_msp/bao/secret-id}\n"
    )
    with Vault.open(home, stores=store_opener(home)) as vault:
        vault.put(MSP, "bao/secret-id", unsealed.secret_id(role))

        class Sealing(TenantSecrets):
            seal = True

            async def generate_password(self, name: str) -> Any:
                if self.seal:
                    Sealing.seal = False
                    await asyncio.to_thread(unsealed.seal)
                return await super().generate_password(name)

        access = await stand_access(stand)
        inner = access.capability

        async def capability(name: str) -> Any:
            return Sealing(vault, "acme") if name == "secrets" else await inner(name)

        access.capability = capability
        victim = stand.lab.scenario_info()["compromised"][0]
        stand.stand.create(RUNBOOK, {"account": victim})
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                await stand.stand.engine(access).run("run-1")
            assert stand.stand.view()["status"] == "interrupted"
        await asyncio.to_thread(unsealed.unseal)
        await stand.stand.engine(access).run("run-1")
        view = stand.stand.view()
        assert view["status"] == "completed", view
        assert {step["id"]: step["outcome"] for step in view["steps"]} == {"block": "changed", "reset": "changed"}
        assert [entry["method"] for entry in stand.lab.audit] == ["PATCH", "PATCH"]
        (kept,) = vault.list("acme")
        assert kept.kind == "password"
        assert vault.store_of("acme") == "bao"
    stand.close()


async def stand_access(stand: LabStand) -> Any:
    from tests.support.lab_stand import LabAccess

    return await LabAccess.open("http://127.0.0.1", stand.lab, httpx.ASGITransport(stand.lab.app))


# --- no network, no leader --------------------------------------------------------------------------------------------


def test_nobody_answers() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    settings = OpenBaoSettings(address=address, role_id="r")
    store = OpenBaoStore("bao", settings, lambda: SecretBytes(CANARY.encode()))
    with pytest.raises(StoreUnavailable) as error:
        read(store)
    assert CANARY not in f"{error.value} {error.value.detail}"
    assert not store.check().ok


@pytest.mark.parametrize("status", [302, 429, 472, 473, 500, 501, 502, 503, 504])
def test_states_of_a_server_that_pass(status: int) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/login"):
            return httpx.Response(200, json={"auth": {"client_token": "t", "lease_duration": 600}})
        return httpx.Response(status, json={"errors": [CANARY]}, headers={"location": "https://elsewhere.example"})

    settings = OpenBaoSettings(address="https://bao.example", role_id="r")
    store = OpenBaoStore("bao", settings, lambda: SecretBytes(b"s"), transport=httpx.MockTransport(answer))
    with pytest.raises(StoreUnavailable) as error:
        read(store)
    assert CANARY not in f"{error.value} {error.value.remedy} {error.value.detail}"


@pytest.mark.torture
def test_the_raft_leader_is_lost(tmp_path: Path) -> None:
    """Three nodes behind one address that follows the leader, as a load balancer does: while there is none, calls say so; then
    everything that was acknowledged is there."""
    nodes = [_Node(tmp_path, number) for number in range(3)]
    try:
        leader = nodes[0]
        leader.start()
        made = httpx.put(f"{leader.api}/sys/init", json={"secret_shares": 1, "secret_threshold": 1}, timeout=30).json()
        key, root = made["keys_base64"][0], made["root_token"]
        leader.unseal(key)
        leader.wait_for(200)
        for node in nodes[1:]:
            node.start()
            httpx.post(f"{node.api}/sys/storage/raft/join", json={"leader_api_addr": leader.address}, timeout=30)
            node.unseal(key)
            node.wait_for(200, 429)
        bao = Bao.__new__(Bao)
        bao.address, bao._roles = leader.address, 0
        bao.api = httpx.Client(
            base_url=f"{leader.address}/v1/", headers={"X-Vault-Token": root}, trust_env=False, timeout=20
        )
        bao.call("POST", "sys/mounts/secret", {"type": "kv", "options": {"version": "2"}})
        bao.call("POST", "sys/auth/approle", {"type": "approle"})
        settled = time.monotonic() + 90
        while True:  # a node becomes a voter after a while of good health
            servers = bao.call("GET", "sys/storage/raft/configuration")["data"]["config"]["servers"]
            if sum(bool(server["voter"]) for server in servers) == 3:
                break
            assert time.monotonic() < settled, servers
            time.sleep(0.5)
        current = [leader]

        def follow(request: httpx.Request) -> httpx.Response:
            url = httpx.URL(current[0].address).copy_with(raw_path=request.url.raw_path)
            headers = {k: v for k, v in request.headers.items() if k.lower().startswith(("x-vault", "content-type"))}
            with httpx.Client(trust_env=False, timeout=10) as client:
                answer = client.request(request.method, url, content=request.content, headers=headers)
            return httpx.Response(answer.status_code, content=answer.content)

        role = bao.role("tenantry")
        settings = OpenBaoSettings.model_validate(bao.settings(role, "tenantry"))
        secret_id = bao.secret_id(role).encode()
        store = OpenBaoStore("bao", settings, lambda: SecretBytes(secret_id), transport=httpx.MockTransport(follow))
        kept = 0
        for _ in range(20):
            kept = store.put("acme", "a", str(kept + 1).encode(), Facts(), expect=kept).version
        leader.kill()
        current[0] = nodes[1]
        refused, deadline = 0, time.monotonic() + 60
        while True:  # a standby reads and redirects writes; the new leader takes both
            try:
                assert store.versions("acme", "a")[0].version == kept, f"lost after {refused} refusals"
                assert store.put("acme", "a", b"after", Facts(), expect=kept).version == kept + 1
                break
            except StoreUnavailable:
                refused += 1
                current[0] = nodes[1 + refused % 2]
                assert time.monotonic() < deadline
                time.sleep(0.1)
        assert refused
        assert read(store) == b"after"
    finally:
        for node in nodes:
            node.kill()


class _Node:
    def __init__(self, folder: Path, number: int) -> None:
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            two.bind(("127.0.0.1", 0))
            port, cluster = one.getsockname()[1], two.getsockname()[1]
        self.address = f"http://127.0.0.1:{port}"
        self.api = f"{self.address}/v1"
        self._folder = folder / f"node-{number}"
        (self._folder / "data").mkdir(parents=True)
        self._config = self._folder / "config.hcl"
        self._config.write_text(
            f'storage "raft" {{ path = "{self._folder}/data" node_id = "n{number}" performance_multiplier = 1 }}\n'
            f'listener "tcp" {{ address = "127.0.0.1:{port}" cluster_address = "127.0.0.1:{cluster}" tls_disable = true }}\n'
            f'api_addr = "{self.address}"\ncluster_addr = "https://127.0.0.1:{cluster}"\n'
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self._folder / "log").open("wb") as out:
            self._process = subprocess.Popen(
                [str(Path(sys.executable).parent / "bao"), "server", f"-config={self._config}"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={"HOME": str(self._folder), "PATH": "/usr/bin:/bin"},
            )
        self.wait_for(200, 429, 501, 503)

    def unseal(self, key: str) -> None:
        for _ in range(50):
            if httpx.put(f"{self.api}/sys/unseal", json={"key": key}, timeout=30).status_code == 200:
                return
            time.sleep(0.2)

    def wait_for(self, *statuses: int) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                if httpx.get(f"{self.api}/sys/health", timeout=5).status_code in statuses:
                    return
            except httpx.HTTPError:
                pass
            assert time.monotonic() < deadline, (self._folder / "log").read_text()[-3000:]
            time.sleep(0.1)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


# --- the estate and the master key ------------------------------------------------------------------------------------


def placed(bao: Bao, home: Home, prefix: str) -> None:
    role = bao.role(prefix)
    settings = json.dumps(bao.settings(role, prefix))
    home.estate.write_text(
        f"secret_stores:\n  bao:\n    vendor: openbao\n    settings: {settings}\n"
        "    secrets: {secret_id: vault:_msp/bao/secret-id}\n"
    )
    (home.tenants / "acme.yaml").write_text("name: acme\ndisplay_name: Acme\nsecret_store: bao\n")
    with Vault.open(home, stores=store_opener(home)) as vault:
        vault.create_tenant_key("acme")
        vault.put(MSP, "bao/secret-id", bao.secret_id(role))
        vault.put("acme", "a", CANARY)


def test_a_lost_or_wrong_master_key_harms_nothing_in_the_store(bao: Bao, tmp_path: Path) -> None:
    home = Home(tmp_path / "home").ensure()
    placed(bao, home, "tenantry-master")
    kept = home.master_key.read_bytes()
    other = Home(tmp_path / "other").ensure()
    Vault.open(other).close()
    for wrong in (None, other.master_key.read_bytes()):
        home.master_key.unlink()
        if wrong is not None:
            home.master_key.write_bytes(wrong)
            home.master_key.chmod(0o600)
        with pytest.raises(VaultLocked) as error:
            Vault.open(home, stores=store_opener(home))
        assert error.value.remedy
        home.master_key.write_bytes(kept)
        home.master_key.chmod(0o600)
    with Vault.open(home, stores=store_opener(home)) as vault:
        assert vault.get_text("acme", "a").get_secret_value() == CANARY
        vault.rotate_master()
    with Vault.open(home, stores=store_opener(home)) as vault:
        assert vault.get_text("acme", "a").get_secret_value() == CANARY
    for path in home.path.rglob("*"):
        if path.is_file():
            assert CANARY.encode() not in path.read_bytes(), path


def test_where_secrets_lie_is_not_changed_by_an_edited_line(bao: Bao, tmp_path: Path) -> None:
    home = Home(tmp_path / "home").ensure()
    placed(bao, home, "tenantry-edited")
    (home.tenants / "acme.yaml").write_text("name: acme\ndisplay_name: Acme\n")
    with Vault.open(home, stores=store_opener(home)) as vault:
        assert vault.store_of("acme") == "bao"
        assert vault.wished_store("acme") == "embedded"
        assert vault.get_text("acme", "a").get_secret_value() == CANARY
    home.estate.write_text("name: MSP\n")
    with Vault.open(home, stores=store_opener(home)) as vault, pytest.raises(InvalidTenant):
        vault.get("acme", "a")
    with Vault.open(home) as vault, pytest.raises(InvalidTenant):
        vault.get("acme", "a")


def test_the_line_is_written_into_the_tenants_file(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").ensure()
    tenants = TenantStore(home)
    file = home.tenants / "acme.yaml"
    file.write_text("# ours\nname: acme\ndisplay_name: Acme  # them\n")
    assert tenants.set_secret_store("acme", "bao")
    assert file.read_text() == "# ours\nname: acme\ndisplay_name: Acme  # them\nsecret_store: bao\n"
    assert tenants.set_secret_store("acme", "embedded")
    assert not tenants.set_secret_store("acme", "embedded")
    assert file.read_text().count("secret_store") == 1
    file.write_text("{name: acme, display_name: Acme}\n")
    with pytest.raises(InvalidTenant):
        tenants.set_secret_store("acme", "bao")
    assert file.read_text() == "{name: acme, display_name: Acme}\n"


def test_a_block_that_is_wrong_is_named(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").ensure()
    opener = store_opener(home)
    for block in ("vendor: nothing", "vendor: openbao, settings: {address: 'http://bao.example', role_id: r}"):
        home.estate.write_text(f"secret_stores: {{bao: {{{block}}}}}\n")
        with pytest.raises(InvalidTenant):
            opener("bao", lambda _ref: SecretBytes(b"x"))
