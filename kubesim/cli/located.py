"""Names the option whose value is wrong, where the rule that refuses it does not know that there is a command line."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kubesim.policy.runtime_profile import RuntimeProfile


@contextlib.contextmanager
def located(option: str) -> Iterator[None]:
    """Give an InputError of the block the option as its place, unless it has a better one (a line of a file)."""
    from kubesim.errors import InputError

    try:
        yield
    except InputError as error:
        # A message of several lines has a place in each of them.
        if error.where or "\n" in error.what:
            raise
        raise InputError(error.what, where=option, hint=error.hint) from error


def check_profile(name: str) -> None:
    """Raises InputError for a `--profile` that is not known."""
    profile_of("--profile", name)


def profile_of(option: str, name: str) -> RuntimeProfile:
    """The profile that an option names. Raises InputError."""
    from kubesim.runtime.profiles import load_profile

    with located(option):
        return load_profile(name)


def check_kubelet_version(version: str) -> None:
    """Raises InputError for a `--kubelet-version` that is not known."""
    from kubesim.node.pod_strategy import minor_version

    with located("--kubelet-version"):
        minor_version(version)
