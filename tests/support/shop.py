"""A web service with PostgreSQL on a host with a real systemd: what a recovery has to bring back, in tests."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from tests.support.hosts import HostNet, TestHost
from tests.support.tools import needs_program

ROWS = 1_234
PASSWORD = b"c4nary-restic-password"
POSTGRES = "postgresql@15-main.service"

_SERVER = """\
import http.server, subprocess
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        asked = subprocess.run(["psql", "-XAtq", "-d", "shop", "-c", "SELECT count(*) FROM orders"], capture_output=True, text=True)
        # As many services do: what is broken behind it does not show in the status.
        body = f"Add to basket: {asked.stdout.strip()} orders" if asked.returncode == 0 else "We are sorry"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body.encode())
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Page).serve_forever()
"""

_UNIT = """\
[Service]
User=postgres
ExecStart=/usr/bin/python3 /srv/shop/server.py
[Install]
WantedBy=multi-user.target
"""

CLUSTER = f"""
rm -rf etc/postgresql/15/main var/lib/postgresql/15/main
mkdir -p var/log/postgresql && chroot . chown -R postgres: /var/log/postgresql /var/lib/postgresql
chroot . pg_createcluster --locale=C.UTF-8 15 main -- --no-sync >/dev/null
echo "fsync = off" >> etc/postgresql/15/main/postgresql.conf
cat > etc/systemd/system/shop.service <<'END'
{_UNIT}END
"""
"""Setup of a host: an empty cluster that does not run, and the service's unit."""


def install(host: TestHost) -> None:
    """The service as it works every day: files, database with rows, unit."""
    server = base64.b64encode(_SERVER.encode()).decode()
    host.run(f"mkdir -p /srv/shop && echo {server} | base64 -d > /srv/shop/server.py && systemctl start {POSTGRES}")
    fill(host)
    host.run("systemctl start shop.service")


def fill(host: TestHost) -> None:
    _psql(host, "postgres", "CREATE DATABASE shop")
    _psql(
        host,
        "shop",
        "CREATE TABLE orders (id int primary key, created_at timestamptz not null);"
        f" INSERT INTO orders SELECT n, now() - make_interval(secs => {ROWS} - n) FROM generate_series(1, {ROWS}) n",
    )


def back_up(host: TestHost) -> None:
    """A dump, and a snapshot of it with the service's files."""
    host.run("runuser -u postgres -- pg_dump -Fc -d shop > /srv/shop/shop.dump")
    host.run(
        "mkdir -p /srv/repo && restic -r /srv/repo --no-cache --password-file /dev/stdin init >/dev/null 2>&1 || true",
        stdin=PASSWORD,
    )
    host.run("restic -r /srv/repo --no-cache --password-file /dev/stdin backup --quiet /srv/shop", stdin=PASSWORD)


def carried(old: TestHost, new: TestHost) -> None:
    """The repository as it stands where the old host's end does not reach it."""
    packed = old.run("tar -C /srv -c repo | base64 -w0").encode()
    new.run("base64 -d | tar -C /srv -x", stdin=packed)


def _psql(host: TestHost, database: str, sql: str) -> None:
    for attempt in range(100):
        try:
            host.run(f"runuser -u postgres -- psql -Xq -v ON_ERROR_STOP=1 -d {database}", stdin=sql.encode())
        except AssertionError:
            if attempt == 99:
                raise
            time.sleep(0.1)  # it is starting
        else:
            return


def hosts(net: HostNet, *names: str) -> list[TestHost]:
    needs_program("restic")
    needs_program("pg_createcluster")
    return net.add(*names, setup=CLUSTER, systemd=True)


def plan(old: str, new: str, zone: str, **more: Any) -> str:
    """The plan that brings it from ``old`` to ``new`` (addresses); hosts are called web1 and web2."""
    point = "${steps.find.output.point}"
    page = {"kind": "http", "contains": f"Add to basket: {ROWS} orders", "within": 5}
    count = "SELECT count(*) FROM orders"
    systems = [
        {
            **{"id": "files", "title": "Files of the shop", "tier": 1, "rto": "2h", "rpo": "1h"},
            "procedure": [
                {
                    "id": "find",
                    "uses": "backup.find_point",
                    "with": {"source": "web2", "before": "${run.started_at}"},
                    "estimate": "1m",
                },
                {
                    "id": "stage",
                    "uses": "host.stage_restore",
                    "with": {"host": "web2", "point": point},
                    "estimate": "5m",
                },
                {
                    **{"id": "place", "uses": "host.restore_files", "estimate": "5m"},
                    "with": {"host": "web2", "point": point, "since": "${run.started_at}"},
                },
            ],
            "primary_health": [{"kind": "tcp", "host": old, "port": 22, "within": 2}],
            "health": [{"kind": "command", "host": "web2", "argv": ["test", "-s", "/srv/shop/server.py"]}],
            "data": [{"kind": "newest_file", "host": "web2", "path": "/srv/shop", "at_least": 2}],
        },
        {
            **{
                "id": "database",
                "title": "Database of the shop",
                "tier": 2,
                "needs": ["files"],
                "rto": "2h",
                "rpo": "1h",
            },
            "procedure": [
                {
                    "id": "start",
                    "uses": "host.start_service",
                    "with": {"host": "web2", "unit": POSTGRES},
                    "estimate": "1m",
                },
                {
                    **{
                        "id": "restore",
                        "uses": "host.restore_database",
                        "estimate": "5m",
                        "manual": "pg_restore by hand",
                    },
                    "with": {
                        "host": "web2",
                        "database": "shop",
                        "dump": "/srv/shop/shop.dump",
                        "proof": count,
                        "at_least": ROWS,
                    },
                },
            ],
            "primary_health": [{"kind": "tcp", "host": old, "port": 22, "within": 2}],
            "health": [{"kind": "sql", "host": "web2", "database": "shop", "query": count, "at_least": ROWS}],
            "data": [
                {
                    **{"kind": "newest_row", "host": "web2", "database": "shop", "at_least": ROWS},
                    "newest": "SELECT max(created_at) FROM orders",
                    "count": count,
                }
            ],
        },
        {
            **{"id": "shop", "title": "Pages of the shop", "tier": 0, "needs": ["database"], "rto": "2h"},
            "procedure": [
                {
                    "id": "start",
                    "uses": "host.start_service",
                    "with": {"host": "web2", "unit": "shop.service"},
                    "estimate": "1m",
                },
                {
                    **{"id": "name", "uses": "dns.switch_record", "estimate": "1m"},
                    "with": {"zone": zone, "name": "www.shop.example", "values": [new]},
                },
            ],
            "primary_health": [{**page, "url": f"http://{old}:8080/"}],
            "health": [{**page, "url": "http://www.shop.example:8080/", "address": new}],
        },
    ]
    common = {"owner": "ann", "primary": "web1", "recovery": "web2", "patience": "1m"}
    return json.dumps(
        {
            **{"id": "shop", "version": 1, "title": "The shop", "tenant": "acme", "declarers": ["ann"]},
            "communication": {"to": ["primary"]},
            "systems": [{**common, **one} for one in systems],
            **more,
        }
    )
