"""How something that has a name is made: reserved, built, published; and what becomes of it when nobody waits for it.

In containerd a creation ends with its request, and nothing is left. CRI-O finishes what it began: it keeps the object
for the retry, which a kubelet that timed out will send, and takes it away again when none comes. Mirrors CRI-O:
internal/resourcestore/resourcestore.go, and server/utils.go, getResourceOrWait.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Literal, TypeVar

from kubesim.cri.errors import CriError
from kubesim.kernel import Cancelled, Task, sleep, time_left_ns, timeout
from kubesim.runtime import sandbox_refusals as say
from kubesim.runtime.daemon import Daemon
from kubesim.runtime.names import NameRegistry, Reservation, Unclaimed
from kubesim.runtime.refusal import Refusal

T = TypeVar("T")

Noun = Literal["sandbox", "container"]

_MINUTE_NS = 60_000_000_000
WAIT_NS = 4 * _MINUTE_NS
"""How long a retry without a deadline waits for the first request. Mirrors CRI-O: server/utils.go."""
SWEEP_NS = _MINUTE_NS
"""The daemon looks for unclaimed objects once a minute; what it meets for the second time goes. Mirrors CRI-O:
internal/resourcestore/resourcestore.go, sleepTimeBeforeCleanup."""


async def claimed_id(daemon: Daemon, names: NameRegistry, name: str, *, noun: Noun, reserved: Refusal) -> str:
    """The id of the object that has the name, where the runtime answers with it; "" when the name is free.

    Raises CriError: of row `reserved`, or because the first request for the name is still at work.
    """
    held = names.holder(name)
    if held is None:
        return ""
    if daemon.profile.duplicate_name == "error":
        raise daemon.refuse(reserved, name=name, holder=held.id)
    if held.is_created:
        return held.id
    if held.unclaimed is None:
        raise await _outwaited(daemon, held, noun)
    unclaimed, held.unclaimed = held.unclaimed, None
    daemon.kernel.cancel(unclaimed.timer)
    if unclaimed.is_stale():
        unclaimed.discard()
        return ""
    unclaimed.publish()
    return held.id


async def _outwaited(daemon: Daemon, held: Reservation, noun: Noun) -> CriError:
    """Wait for the first request, and then until this one ends: an earlier error would only bring another retry."""
    left_ns = await time_left_ns()
    patience_ns = WAIT_NS if left_ns is None else left_ns
    kind, stage = "ctr" if noun == "container" else "pod", held.stage
    begin_ns = daemon.kernel.now_ns
    try:
        async with timeout(patience_ns):
            await held.unclaimed_there.wait()
    except TimeoutError:
        row = say.WAITED_TOO_LONG if left_ns is None else say.WAITED_TO_DEADLINE
    else:
        row = say.READY_FOR_RETRY
        await sleep(WAIT_NS if left_ns is None else begin_ns + left_ns - daemon.kernel.now_ns)
    return daemon.refuse(row, stage=stage, noun=noun, kind=kind, name=held.name, id=daemon.kernel.ids.hex(64))


async def create(
    daemon: Daemon,
    names: NameRegistry,
    reservation: Reservation,
    build: Callable[[ExitStack], Awaitable[T]],
    publish: Callable[[T], None],
    *,
    takes_time: bool,
    is_stale: Callable[[T], bool] = lambda _: False,
) -> None:
    """Build something under its reserved name, and publish it. When it fails, the name is free and nothing is left.

    `build` puts what undoes its steps on the stack. `takes_time` says whether it may suspend at all. `is_stale` says
    of something that waited for its retry whether that comes too late, because what it belongs to is gone.
    """
    if daemon.profile.duplicate_name == "error" or not takes_time:
        made, _ = await _built(names, reservation, build)
        _publish(reservation, made, publish)
        return
    task = daemon.kernel.spawn(_built(names, reservation, build), name=f"create {reservation.name}")
    daemon.creations[task] = None
    task.watch(daemon.creations.pop)
    try:
        made, _ = await task.join()
    except Cancelled:
        if not task.is_done:
            task.watch(lambda ended: _keep(daemon, reservation, ended, publish, is_stale))
        raise
    if await time_left_ns() == 0:
        _keep(daemon, reservation, task, publish, is_stale)
        raise daemon.refuse(say.DEADLINE)
    _publish(reservation, made, publish)


async def _built(
    names: NameRegistry, reservation: Reservation, build: Callable[[ExitStack], Awaitable[T]]
) -> tuple[T, ExitStack]:
    with ExitStack() as undo:
        undo.callback(names.release, reservation.name)
        return await build(undo), undo.pop_all()


def _publish(reservation: Reservation, made: T, publish: Callable[[T], None]) -> None:
    reservation.is_created = True
    publish(made)


def _keep(
    daemon: Daemon,
    reservation: Reservation,
    ended: Task[tuple[T, ExitStack]],
    publish: Callable[[T], None],
    is_stale: Callable[[T], bool],
) -> None:
    """Keep what was made for the retry; it is not listed until then."""
    if isinstance(ended.error, CriError | Cancelled):
        return  # it was undone; the client that would have been told is gone
    made, undo = ended.result()

    def discard() -> None:
        reservation.unclaimed = None
        undo.close()

    kernel = daemon.kernel
    sweeps = (kernel.now_ns - kernel.start_ns) // SWEEP_NS
    timer = kernel.call_at(kernel.start_ns + (sweeps + 2) * SWEEP_NS, discard)
    reservation.unclaimed = Unclaimed(
        publish=lambda: _publish(reservation, made, publish),
        is_stale=lambda: is_stale(made),
        discard=discard,
        timer=timer,
    )
    reservation.unclaimed_there.set()
