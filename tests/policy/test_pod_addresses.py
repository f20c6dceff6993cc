"""The addresses of a pod as the runtime shows it."""

from __future__ import annotations

import pytest

from kubesim.policy.pod_view import RuntimePod, RuntimeSandbox


@pytest.mark.parametrize(
    ("ips", "addresses"),
    [((), ()), (None, ()), (("10.0.0.1", "fd00::1"), ("10.0.0.1", "fd00::1")), (("", "fd00::1"), ("fd00::1",))],
)
def test_those_of_the_newest_sandbox_that_are_not_empty(
    ips: tuple[str, ...] | None, addresses: tuple[str, ...]
) -> None:
    older = RuntimeSandbox(id="s1", is_ready=False, ips=("10.0.0.9",))
    assert RuntimePod(sandboxes=(RuntimeSandbox(id="s2", is_ready=True, ips=ips), older)).addresses == addresses


def test_none_without_a_sandbox() -> None:
    assert RuntimePod().addresses == ()
