"""Says on a terminal that work is going on, once it takes longer than a second. Never on stdout."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator

PATIENCE_SECONDS = 1.0


@contextlib.contextmanager
def working(text: str) -> Iterator[None]:
    """Show `text` on stderr while the block runs, if stderr is a terminal and the block takes its time."""
    if not sys.stderr.isatty():
        yield
        return
    is_shown = threading.Event()

    def show() -> None:
        is_shown.set()
        print(f"\r{text} ...", end="", file=sys.stderr, flush=True)

    timer = threading.Timer(PATIENCE_SECONDS, show)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        if is_shown.is_set():
            print("\r\033[K", end="", file=sys.stderr, flush=True)
