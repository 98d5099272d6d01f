"""Events a second of `sweep logs`, against the same rules as SQL (pysigma-backend-sqlite) over the same files."""

from __future__ import annotations

import gzip
import json
import random
import sqlite3
import statistics
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from sigma.collection import SigmaCollection

from benchmarks.model import Baseline, Bench, Scale, peak_rss_mb, summary
from benchmarks.registry import BenchmarkFailed
from tenantry.home import Home
from tenantry.places import SHIPPED
from tenantry.sweep.engine import Detections, sweep_logs
from tenantry.sweep.logs.files import Intake, open_all
from tenantry.sweep.sigma.load import load
from tenantry.sweep.sigma.rules import make_rules
from tenantry.sweep.sources import source

_TARGET: Final = 3.0
_GROWTH_MB: Final = 25.0
_ROOTS: Final = (SHIPPED / "detections",)
_PER_FILE: Final = 500
_CALLS: Final = (
    ("ec2", "DescribeInstances", 30, None),
    ("s3", "GetBucketAcl", 20, {"bucketName": "data"}),
    ("sts", "AssumeRole", 15, {"roleArn": "arn:aws:iam::111122223333:role/deploy"}),
    ("kms", "Decrypt", 20, None),
    ("iam", "GetRole", 10, {"roleName": "deploy"}),
    ("iam", "CreateAccessKey", 0.05, {"userName": "other"}),
    ("ssm", "SendCommand", 0.05, {"documentName": "AWS-RunShellScript", "instanceIds": ["i-1"]}),
    ("cloudtrail", "StopLogging", 0.02, {"name": "main"}),
    ("secretsmanager", "GetSecretValue", 2, {"secretId": "prod/db"}),
    ("ec2", "ModifySnapshotAttribute", 0.02, {"createVolumePermission": {"add": {"items": [{"userId": "999988887777"}]}}}),
    ("lambda", "UpdateFunctionCode20150331v2", 0.1, {"functionName": "f"}),
)  # fmt: skip


def measure(name: str, scale: Scale, option: Any) -> Bench:
    """Rounds of both over the same gz files with the same folder of rules, in the style of public collections: an
    operation, mostly with a parameter or an exception. Ours is the whole sweep: reading, view, rules, statistics, ranking,
    and beside it once with our own rules, correlations among them. The baseline reads the files with the standard library,
    keeps only the columns that the rules name, and asks each rule as one query. Loading and compiling the rules is left
    out on both sides: pySigma does most of it for both. Hits must be the same. Processor time is compared, as both are one thread. Memory is the growth of the peak between a log and one four times as long.
    """
    try:
        import sigma.backends.sqlite  # noqa: F401 - a dependency of development
    except ImportError as error:
        raise BenchmarkFailed(
            "pysigma-backend-sqlite is not installed: it comes with the development dependencies"
        ) from error
    events, count = (2_000, 40) if scale.quick else (30_000, int(option))
    home = Home.locate()
    small, large, rules = (home.path / name / part for part in ("small", "large", "rules"))
    _write(small, events, seed=1)
    _write(large, events * 4, seed=2)
    _write_rules(rules, count)
    own = Detections.load("cloudtrail", _ROOTS)
    theirs_too = Detections.load("cloudtrail", (), (rules,))
    compiled = _compiled(rules)
    own_s, _ = _ours(small, home.run, own)
    before = peak_rss_mb()
    _ours(large, home.run, own)
    peak = peak_rss_mb()
    ours: list[float] = []
    theirs: list[float] = []
    found: dict[str, set[str]] = {}
    wanted: dict[str, set[str]] = {}
    for _ in range(scale.rounds):
        took, found = _ours(small, home.run, theirs_too)
        ours.append(events / took)
        took, wanted = _sql(small, *compiled)
        theirs.append(events / took)
    hits = {rule: ids for rule, ids in wanted.items() if ids}
    same = _hits(small, rules) == hits and found.keys() == hits.keys()
    ratio = statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))
    growth = round(peak - before, 1)
    return Bench(
        name=name,
        value=round(statistics.median(ours), 1),
        unit="events/s",
        baseline=Baseline("pysigma-backend-sqlite, same rules and files", round(statistics.median(theirs), 1)),
        ratio=round(ratio, 3),
        target=f"ratio >= {_TARGET:g}, same hits, peak grows by at most {_GROWTH_MB:g} MB from n to 4 n events",
        met=ratio >= _TARGET and same and growth <= _GROWTH_MB,
        peak_rss_mb=peak,
        detail={
            "events": events,
            "rules": count,
            "hits": sum(map(len, wanted.values())),
            "same_hits": same,
            "growth_mb": growth,
            "ours_s": summary(ours, 1),
            "sqlite_s": summary(theirs, 1),
            "with_our_own_rules_s": round(events / own_s, 1),
        },
    )


def _write_rules(folder: Path, count: int) -> None:
    """Rules in the style of public collections."""
    folder.mkdir(parents=True)
    rng = random.Random(3)
    for number in range(count):
        service, name, _, parameters = rng.choice([one for one in _CALLS if one[2] < 5])
        if number % 16:  # most rules are about calls that this log does not have
            name = f"{rng.choice(['Create', 'Delete', 'Update', 'Put'])}Thing{number}"
        selection: dict[str, Any] = {
            "eventSource": f"{service}.amazonaws.com",
            "eventName": name if number % 3 else [name, f"{name}Batch"],
        }
        if number % 5 == 0 and parameters:
            selection[f"requestParameters.{next(iter(parameters))}|contains"] = "o"
        if number % 7 == 0:
            selection["userAgent|startswith"] = "aws-cli"
        detection = {
            "selection": selection,
            "filter": {"userIdentity.arn|endswith": f"user{number % 41}"},
            "condition": "selection and not filter",
        }
        rule = {
            "title": f"Rule {number}",
            "name": f"rule_{number}",
            "id": str(uuid.UUID(int=number)),
            "status": "test",
            "level": "medium",
            "logsource": {"product": "aws", "service": "cloudtrail"},
            "detection": detection,
        }
        (folder / f"rule_{number}.yml").write_text(yaml.safe_dump(rule))


def _write(folder: Path, events: int, seed: int) -> None:
    folder.mkdir(parents=True)
    rng = random.Random(seed)
    weights = [one[2] for one in _CALLS]
    for begin in range(0, events, _PER_FILE):
        records = [
            _record(number, *rng.choices(_CALLS, weights)[0][:2], rng)
            for number in range(begin, min(begin + _PER_FILE, events))
        ]
        (folder / f"{begin:08d}.json.gz").write_bytes(gzip.compress(json.dumps({"Records": records}).encode(), 1))


def _record(number: int, service: str, name: str, rng: random.Random) -> dict[str, Any]:
    parameters = next(one[3] for one in _CALLS if one[:2] == (service, name))
    person = rng.randint(0, 40)
    who = f"user{person}"
    return {
        "eventVersion": "1.09",
        "userIdentity": {"type": "IAMUser", "principalId": "AIDA" + who, "arn": f"arn:aws:iam::111122223333:user/{who}", "accountId": "111122223333", "accessKeyId": "AKIA" + who, "userName": who},
        "eventTime": f"2026-11-{1 + number // 40_000 % 28:02d}T{number // 1700 % 24:02d}:{number // 29 % 60:02d}:{number % 60:02d}Z",
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "awsRegion": "eu-west-1",
        "sourceIPAddress": f"203.0.113.{person + 100 * (number % 10 == 0)}",
        "userAgent": "aws-cli/2.17.1 md/awscrt#0.20 ua/2.0 os/linux#6.1 md/arch#x86_64 lang/python#3.11",
        "requestParameters": parameters,
        "responseElements": None,
        "requestID": f"{rng.getrandbits(128):032x}",
        "eventID": f"{number:08x}-{rng.getrandbits(32):08x}",
        "readOnly": name.startswith(("Get", "Describe")),
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": "111122223333",
        "tlsDetails": {"tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256", "clientProvidedHostHeader": f"{service}.eu-west-1.amazonaws.com"},
    }  # fmt: skip


def _ours(folder: Path, scratch: Path, detections: Detections) -> tuple[float, dict[str, set[str]]]:
    """Seconds, and each rule's events."""
    begun = time.process_time()
    done = sweep_logs([folder], detections, scratch=scratch)
    took = time.process_time() - begun
    found: dict[str, set[str]] = {}
    for finding in done.findings:
        if finding.rule.startswith("rule_"):
            found.setdefault(finding.rule, set()).update(finding.event_ids)
    return took, found


def _hits(folder: Path, rules: Path) -> dict[str, set[str]]:
    """Every event of every rule."""
    chosen = source("cloudtrail")
    made = make_rules(load(chosen, (), (rules,)), chosen)
    found: dict[str, set[str]] = {}
    intake = Intake()
    for stream in open_all([folder], intake):
        for event in chosen.read(stream, intake):
            for rule in made.matching(event):
                found.setdefault(rule.key, set()).add(event.id)
    return found


def _compiled(rules: Path) -> tuple[list[str], list[tuple[str, str]]]:
    """The columns that the rules name, and a query for each rule."""
    from sigma.backends import sqlite

    collection = SigmaCollection.load_ruleset([rules])
    backend: Any = sqlite.sqliteBackend(timestamp_field="eventTime")  # type: ignore[attr-defined,no-untyped-call]  # it has no types
    queries = [(str(rule.name), query) for rule in collection.rules for query in backend.convert_rule(rule)]
    return sorted({name for rule in collection.rules for name in backend.required_fields(rule)}), queries


def _sql(folder: Path, columns: list[str], queries: list[tuple[str, str]]) -> tuple[float, dict[str, set[str]]]:
    """Seconds, and each rule's events."""
    begun = time.process_time()
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE logs (id TEXT, " + ", ".join(f'"{name}" TEXT COLLATE NOCASE' for name in columns) + ")")
    insert = f"INSERT INTO logs VALUES ({','.join('?' * (len(columns) + 1))})"
    paths = [tuple(name.split(".")) for name in columns]
    for path in sorted(folder.iterdir()):
        with gzip.open(path) as file:
            records = json.load(file)["Records"]
        db.executemany(insert, [(record["eventID"], *(_column(record, path) for path in paths)) for record in records])
    found: dict[str, set[str]] = {}
    for rule, query in queries:
        found[rule] = {row[0] for row in db.execute(f"SELECT id FROM logs WHERE {query.partition(' WHERE ')[2]}")}
    took = time.process_time() - begun
    db.close()
    return took, found


def _column(record: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        record = record.get(key) if isinstance(record, Mapping) else None
    return json.dumps(record) if isinstance(record, (list, dict)) else record
