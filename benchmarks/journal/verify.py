"""How long it takes to verify a whole record, payloads and signatures included."""

from __future__ import annotations

import hashlib
import secrets
import time
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.model import Baseline, Bench, Scale, peak_rss_mb
from benchmarks.registry import BenchmarkFailed
from tenantry.home import Home
from tenantry.journal import Event, Journal, Ledger
from tenantry.signing import RecordSigner
from tenantry.vault import Vault

_TARGET_S: Final = 20.0
_GROWTH_MB: Final = 30.0
_BATCH: Final = 1000


def measure(name: str, scale: Scale, option: Any) -> Bench:
    """One walk over a record of 1,000,000 entries of one tenant with a signed checkpoint every 1,000, made here first. Each
    entry is read, parsed, hashed, compared with the one before it, and its payload opened; each checkpoint is compared with
    the tree and its signature checked. The baseline hashes the same number of leaves and nodes and checks as many signatures.
    """
    del option
    entries = 3_000 if scale.quick else 1_000_000
    home = Home.locate()
    with Vault.open(home) as vault:
        vault.create_tenant_key("bench")
        journal = Journal(f"sqlite:///{home.path / 'verify.db'}", lambda tenant: vault.subkey(tenant, "journal"))
        ledger = Ledger(journal, RecordSigner(home, vault))
        try:
            begun = time.perf_counter()
            for at in range(0, entries, _BATCH):
                journal.append("bench", [event_at(at + one) for one in range(_BATCH)])
                ledger.checkpoint("bench")
            made = time.perf_counter() - begun
            before = peak_rss_mb()
            begun, cpu = time.perf_counter(), time.process_time()
            result = ledger.verify()
            value, cpu = time.perf_counter() - begun, time.process_time() - cpu
        finally:
            journal.close()
    if not result.ok:
        raise BenchmarkFailed(f"the record that was made does not verify: {result.first_bad}")
    baseline = _bare(result.entries, result.checkpoints)
    growth = peak_rss_mb() - before
    return Bench(
        name=name,
        value=round(value, 2),
        unit="s",
        baseline=Baseline("hashes and signatures alone", round(baseline, 2)),
        ratio=round(value / baseline, 2),
        target=f"value <= {_TARGET_S} s for 1,000,000 entries, peak memory grows by less than {_GROWTH_MB:g} MB",
        met=value * 1_000_000 / entries <= _TARGET_S and growth < _GROWTH_MB,
        peak_rss_mb=peak_rss_mb(),
        detail={
            "entries": result.entries,
            "checkpoints": result.checkpoints,
            "cpu_s": round(cpu, 2),
            "grown_mb": round(growth, 1),
            "made_s": round(made, 1),
        },
    )


def event_at(at: int) -> Event:
    """An outcome of a containment step over many accounts."""
    account = f"user{at}@acme.example"
    said = {
        "item": account,
        "task": "identity.disable_sign_in",
        "note": None,
        "arguments": {"account": account},
        "started_at": "2026-11-21T03:04:05.000006Z",
        "changes": [{"path": f"users/{account}/accountEnabled", "before": True, "after": False}],
    }
    return Event("step.outcome", said, "7f3a9c21d4e84b6f", "block", 1, "changed", ("business_email_compromise", "1"))


def _bare(entries: int, signatures: int) -> float:
    """Leaves and nodes of a tree of that size, and that many signatures, with nothing around them."""
    body, pair = secrets.token_bytes(500), secrets.token_bytes(65)
    key = Ed25519PrivateKey.generate()
    public, signature = key.public_key(), key.sign(body)
    begun = time.perf_counter()
    for _ in range(entries):
        hashlib.sha256(body).digest()
        hashlib.sha256(pair).digest()
    for _ in range(signatures):
        public.verify(signature, body)
    return time.perf_counter() - begun
