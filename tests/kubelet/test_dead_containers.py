"""The kubelet's clean-up: what cannot be removed now is no reason to stop."""

from typing import Any

from google.protobuf.message import Message

from kubesim.cri.client import CriClient
from kubesim.cri.errors import Code, CriError
from kubesim.cri.methods import Method
from kubesim.kernel import Kernel
from kubesim.kubelet.dead_containers import DeadContainers
from kubesim.policy.pod_view import RuntimeContainer, RuntimePod, RuntimeSandbox, RuntimeState


class RefusingCri:
    """A runtime that refuses whatever is asked of an object whose id begins with `bad`."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    async def call(self, method: Method, request: Any) -> Message:
        object_id = getattr(request, "container_id", "") or getattr(request, "pod_sandbox_id", "")
        self.asked.append((method.name, object_id))
        if object_id.startswith("bad"):
            raise CriError(Code.UNAVAILABLE, "error reading from server: EOF")
        return method.response_type()


def test_what_the_runtime_refuses_keeps_nothing_else_from_removal() -> None:
    kernel, cri = Kernel(), RefusingCri()
    pod = RuntimePod(
        containers=tuple(
            RuntimeContainer(name="a", id=f"containerd://{name}", state=RuntimeState.EXITED)
            for name in ("bad-1", "c-2")
        ),
        sandboxes=(RuntimeSandbox(id="bad-s", is_ready=False), RuntimeSandbox(id="s", is_ready=False)),
    )

    kernel.spawn(DeadContainers(CriClient(cri)).remove_pod(pod), name="clean-up")  # type: ignore[arg-type]  # no streams
    kernel.run_until_idle()

    assert cri.asked == [
        ("RemoveContainer", "bad-1"),
        ("RemoveContainer", "c-2"),
        ("StopPodSandbox", "bad-s"),
        ("StopPodSandbox", "s"),
        ("RemovePodSandbox", "s"),
    ]
