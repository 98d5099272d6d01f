from __future__ import annotations

from tasks.checks.host.library_preloaded import LibraryPreloaded
from tests.tasks.checks.host._facts import cannot, found, put, survey

CHECK = LibraryPreloaded()


def test_a_library_that_nobody_brought() -> None:
    files = (
        put("preload", "/etc/ld.so.preload", "# ours\n/usr/local/lib/x.so\n"),
        put("profile", "/etc/environment", 'LD_PRELOAD="/lib/y.so"\n'),
        put("preload", "/etc/ld.so.conf.d/z.conf", "/dev/shm/.l\n"),
    )
    assert found(CHECK, survey(files=files)) == [("critical", file.path) for file in files]


def test_libraries_of_packages() -> None:
    files = (
        put("preload", "/etc/ld.so.preload", "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2\n"),
        put(
            "unit",
            "/etc/systemd/system/a.service",
            "Environment=LD_PRELOAD=/usr/lib/x86_64-linux-gnu/libjemalloc.so.2\n",
        ),
        put("preload", "/etc/ld.so.conf.d/cuda.conf", "/usr/local/cuda/lib64\n"),
        put("preload", "/etc/ld.so.preload", ""),
    )
    assert found(CHECK, survey(files=files, owned=("/usr/lib/x86_64-linux-gnu/libjemalloc.so.2",))) == []


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "owners", "files")
