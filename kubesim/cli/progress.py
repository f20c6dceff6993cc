"""Says on a terminal that work is going on, once it takes longer than a second. Never on stdout."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator

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


OnProgress = Callable[[int, int], object]
"""Is told how many bytes are done, and of how many."""

BAR_WIDTH = 30


@contextlib.contextmanager
def progress_bar(text: str) -> Iterator[OnProgress]:
    """A bar on stderr while the block runs, if stderr is a terminal. It is drawn again for each percent."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    shown = -1

    def draw(done_bytes: int, total_bytes: int) -> None:
        nonlocal shown
        percent = 100 * done_bytes // total_bytes if total_bytes else 100
        if percent == shown:
            return
        shown = percent
        bar = ("#" * (BAR_WIDTH * percent // 100)).ljust(BAR_WIDTH)
        size = f"{done_bytes / 1e6:.1f} of {total_bytes / 1e6:.1f} MB"
        print(f"\r{text} [{bar}] {percent:3d}% {size}\033[K", end="", file=sys.stderr, flush=True)

    try:
        yield draw
    finally:
        if shown >= 0:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
