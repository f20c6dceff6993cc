"""Does the pod need a new sandbox?"""

import pytest

from kubesim.policy.pod_view import NetworkMode, PodView, RuntimePod, RuntimeSandbox
from kubesim.policy.sandbox_change import SandboxChange, sandbox_change

POD = PodView(name="p")
HOST_POD = PodView(name="p", host_network=True)


def sandbox(
    id: str = "s2",  # noqa: A002  (the field's own name)
    *,
    ready: bool = True,
    attempt: int = 2,
    mode: NetworkMode = NetworkMode.POD,
    ips: tuple[str, ...] | None = ("10.0.0.1",),
) -> RuntimeSandbox:
    return RuntimeSandbox(id=id, is_ready=ready, attempt=attempt, network_mode=mode, ips=ips)


@pytest.mark.parametrize(
    ("pod", "sandboxes", "expected"),
    [
        pytest.param(POD, (), (True, 0, ""), id="no sandbox"),
        pytest.param(POD, (sandbox(),), (False, 2, "s2"), id="one that serves"),
        pytest.param(POD, (sandbox(), sandbox("s1", ready=False, attempt=1)), (False, 2, "s2"), id="an older one"),
        pytest.param(POD, (sandbox(), sandbox("s1", attempt=1)), (True, 3, "s2"), id="two are ready"),
        pytest.param(POD, (sandbox(ready=False),), (True, 3, "s2"), id="the newest is not ready"),
        pytest.param(
            POD, (sandbox(ready=False), sandbox("s1", attempt=1)), (True, 3, "s2"), id="only an older one is ready"
        ),
        pytest.param(POD, (sandbox(mode=NetworkMode.NODE),), (True, 3, ""), id="in the node's network"),
        pytest.param(HOST_POD, (sandbox(),), (True, 3, ""), id="not in the node's network"),
        pytest.param(HOST_POD, (sandbox(mode=NetworkMode.NODE, ips=()),), (False, 2, "s2"), id="the node's address"),
        pytest.param(POD, (sandbox(ips=()),), (True, 3, "s2"), id="no address"),
        pytest.param(POD, (sandbox(ips=None),), (False, 2, "s2"), id="addresses not told"),
    ],
)
def test_sandbox_change(pod: PodView, sandboxes: tuple[RuntimeSandbox, ...], expected: tuple[bool, int, str]) -> None:
    needed, attempt, sandbox_id = expected
    assert sandbox_change(pod, RuntimePod(sandboxes=sandboxes)) == SandboxChange(
        is_needed=needed, attempt=attempt, sandbox_id=sandbox_id
    )
