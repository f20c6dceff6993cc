"""Calls of functions, as deep as a script makes them, on a stack of our own.

Rule 1: what a script nests by running (functions, `eval`, sourced files, traps) is a coroutine on this stack; only what
its text nests, which the parser bounds, awaits within one of them. So Python's own stack stays small, and resuming a
process that waits deep in its functions costs no more than one that waits at the top.
Rule 2: the stack hands everything else that is yielded, and every exception thrown in, through to whoever runs it.

Rejected: a higher recursion limit. Each level of ours is a dozen of Python's, and each step of a process would walk
through all of them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Coroutine, Generator
from types import coroutine
from typing import Any, TypeVar

T = TypeVar("T")

TRACED_LEVELS_MAX = 30
"""Calls that the traceback of an exception tells of, counted from the outermost."""


class _Call:
    """Yielded by a coroutine that is on the stack: another one runs on top of it."""

    __slots__ = ("callee",)

    def __init__(self, callee: Coroutine[Any, Any, Any]) -> None:
        self.callee = callee


@coroutine
def call(callee: Coroutine[Any, Any, T]) -> Generator[object, Any, T]:
    """Await a coroutine, on top of the stack that the caller runs on. Needs `on_call_stack` below."""
    return (yield _Call(callee))  # type: ignore[no-any-return]  # the stack sends back what the callee returned


def on_call_stack(first: Coroutine[Any, Any, T]) -> Awaitable[T]:
    """Await a coroutine, and all that it calls with `call`."""
    return _run(first)


@coroutine
def _run(first: Coroutine[Any, Any, T]) -> Generator[object, Any, T]:
    stack: list[Coroutine[Any, Any, Any]] = [first]
    value: Any = None
    error: BaseException | None = None
    while stack:
        top = stack[-1]
        try:
            yielded = top.send(value) if error is None else top.throw(error)
        except StopIteration as stop:
            del stack[-1]
            value, error = stop.value, None
        except BaseException as raised:  # noqa: BLE001 - it goes on in the caller, which is the next on the stack
            del stack[-1]
            value, error = None, raised
            if len(stack) > TRACED_LEVELS_MAX:
                error.__traceback__ = None  # it would list all levels on the way
        else:
            value = error = None
            if isinstance(yielded, _Call):
                stack.append(yielded.callee)
                continue
            try:
                value = yield yielded
            except GeneratorExit:
                # Nobody goes on with the process. In which order Python then closes coroutines is its own affair.
                for waiting in reversed(stack):
                    waiting.close()
                raise
            except BaseException as thrown:  # noqa: BLE001 - it is for the coroutine that waits
                error = thrown
    if error is not None:
        try:
            raise error
        finally:
            del error
    return value  # type: ignore[no-any-return]  # what `first` returned
