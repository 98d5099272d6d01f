"""Children that end with the process that started them, however it ended.

The parent holds the writing end of a pipe that is the child's standard input and never writes. When the parent is gone, for
whatever reason, the kernel closes the pipe and the child reads its end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Final

GRACE: Final = 10.0
"""Seconds between asking a tethered process to end and ending it."""


def spawn(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    log: Path | None = None,
    descriptors: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a Python module of ours (``["flows.execute", …]``) tethered to this process.

    Args:
        arguments: module and its arguments.
        environment: the child's whole environment.
        log: file that takes its output; the parent's standard error when None.
        descriptors: of this process, that the child inherits under the same numbers (a lock that is to live as long as it).
    """
    out: IO[bytes] | None = log.open("ab") if log is not None else None
    try:
        return subprocess.Popen(  # noqa: S603  # our own interpreter and modules
            [sys.executable, "-m", *arguments],
            stdin=subprocess.PIPE,
            stdout=out if out is not None else sys.stderr.fileno(),
            stderr=out if out is not None else sys.stderr.fileno(),
            env=dict(environment),
            pass_fds=tuple(descriptors),
            start_new_session=True,  # a Ctrl-C at the terminal is the parent's to handle
        )
    finally:
        if out is not None:
            out.close()


def hold(on_end: Callable[[], None] | None = None) -> None:
    """In the child: end when the parent has ended. ``on_end`` replaces the default, a SIGTERM to this process."""

    def watch() -> None:
        while os.read(0, 1024):
            pass
        if on_end is not None:
            on_end()
        else:
            os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE)
        os._exit(1)

    threading.Thread(target=watch, name="tether", daemon=True).start()


def stop(process: subprocess.Popen[bytes], grace: float = GRACE) -> None:
    """End a child: politely, then not."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process.stdin is not None:
        process.stdin.close()
