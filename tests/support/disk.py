"""A disk of its own for a test, small enough to be filled."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class SmallDisk:
    """A file system in memory (tmpfs(5)); pages that files hold already can be written again when it is full."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        """Not a byte is left."""
        with self._ballast.open("ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        file.write(b"\0" * size)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def free(self) -> None:
        """There is room again."""
        self._ballast.unlink()


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk | None]:
    """Mounted at the folder for as long as the block lasts; None where this account may not mount."""
    folder.mkdir(parents=True)
    options = f"size={megabytes}m,mode=0700,uid={os.getuid()},gid={os.getgid()}"
    for prefix in ([], ["sudo", "-n"]):
        mount = [*prefix, "mount", "-t", "tmpfs", "-o", options, "tenantry-test", str(folder)]
        try:
            if subprocess.run(mount, capture_output=True, check=False, stdin=subprocess.DEVNULL).returncode == 0:
                break
        except FileNotFoundError:  # no such program
            continue
    else:
        yield None
        return
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run([*prefix, "umount", "--lazy", str(folder)], capture_output=True, check=True)
