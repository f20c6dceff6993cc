"""Command, arguments and environment: what the request says, what the image says, and what comes of both."""

from __future__ import annotations

import pytest

from kubesim.runtime.process_plan import DEFAULT_PATH, merge_command, merge_env

ENTRYPOINT, CMD = ("/entry", "-e"), ("-c",)


@pytest.mark.parametrize(
    ("command", "args", "entrypoint", "cmd", "expected"),
    [
        ((), (), ENTRYPOINT, CMD, ("/entry", "-e", "-c")),
        ((), ("a",), ENTRYPOINT, CMD, ("/entry", "-e", "a")),
        (("/own",), (), ENTRYPOINT, CMD, ("/own",)),
        (("/own",), ("a",), ENTRYPOINT, CMD, ("/own", "a")),
        ((), (), (), CMD, ("-c",)),
        ((), (), ("",), CMD, ("-c",)),
        ((), ("a",), ("",), CMD, ("a",)),
        ((), (), (), (), ()),
        ((), (), ("",), (), ()),
    ],
)
def test_command(
    command: tuple[str, ...],
    args: tuple[str, ...],
    entrypoint: tuple[str, ...],
    cmd: tuple[str, ...],
    expected: tuple[str, ...],
) -> None:
    assert merge_command(command=command, args=args, entrypoint=entrypoint, cmd=cmd) == expected


def test_the_later_value_of_a_variable_counts_and_keeps_its_place() -> None:
    env = merge_env(
        hostname="pod-0",
        image=(("PATH", "/bin"), ("A", "image"), ("B", "image")),
        config=(("A", "config"), ("HOSTNAME", "other"), ("C", "1"), ("C", "2")),
        has_tty=False,
    )
    assert env == (("PATH", "/bin"), ("HOSTNAME", "other"), ("A", "config"), ("B", "image"), ("C", "2"))


def test_defaults() -> None:
    assert merge_env(hostname="h", image=(), config=(), has_tty=False) == (("PATH", DEFAULT_PATH), ("HOSTNAME", "h"))
    assert ("TERM", "xterm") in merge_env(hostname="h", image=(), config=(), has_tty=True)
