"""When an attached client is detached, in both runtimes, for every kind of container."""

import itertools

import pytest

from kubesim.policy.attach_end import ends_with_input, ends_without_input

KINDS = list(itertools.product((False, True), repeat=3))
"""stdin, stdin_once, tty."""


@pytest.mark.parametrize(("stdin", "stdin_once", "tty"), KINDS)
def test_containerd_lets_a_client_go_with_its_input_unless_that_ends_the_container(
    stdin: bool, stdin_once: bool, tty: bool
) -> None:
    kind = {"stdin": stdin, "stdin_once": stdin_once, "tty": tty}
    assert ends_with_input("with-input-unless-once", **kind) is not (stdin_once and not tty)
    assert ends_without_input("with-input-unless-once", **kind) is False


@pytest.mark.parametrize(("stdin", "stdin_once", "tty"), KINDS)
def test_crio_lets_it_go_where_others_may_come_and_there_is_no_terminal(
    stdin: bool, stdin_once: bool, tty: bool
) -> None:
    kind = {"stdin": stdin, "stdin_once": stdin_once, "tty": tty}
    expected = (stdin, stdin_once, tty) == (True, False, False)
    assert ends_with_input("with-input-without-terminal", **kind) is expected
    assert ends_without_input("with-input-without-terminal", **kind) is expected
