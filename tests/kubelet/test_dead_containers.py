"""The kubelet's clean-up: what cannot be removed now is no reason to stop."""

from typing import Any

from google.protobuf.message import Message

from kubesim.cri.client import CriClient
from kubesim.cri.errors import Code, CriError
from kubesim.cri.methods import Method
from kubesim.kernel import Kernel
from kubesim.kubelet.dead_containers import DeadContainers, remove_logs
from kubesim.policy.pod_view import RuntimeContainer, RuntimePod, RuntimeSandbox, RuntimeState
from kubesim.userland.files.host_files import MemoryHostFiles


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

    dead = DeadContainers(CriClient(cri), MemoryHostFiles())  # type: ignore[arg-type]  # no streams
    kernel.spawn(dead.remove_pod(pod), name="clean-up")
    kernel.run_until_idle()

    assert cri.asked == [
        ("ContainerStatus", "bad-1"),
        ("ContainerStatus", "c-2"),
        ("ContainerStatus", "c-2"),
        ("RemoveContainer", "c-2"),
        ("StopPodSandbox", "bad-s"),
        ("StopPodSandbox", "s"),
        ("RemovePodSandbox", "s"),
    ]


def test_a_log_goes_with_what_was_rotated_away_of_it() -> None:
    files = MemoryHostFiles()
    files.make_dirs("/logs/a")
    for name in ("0.log", "0.log.20260101-000000", "0.log.20260101-000000.gz", "1.log"):
        files.write(f"/logs/a/{name}", b"x")

    remove_logs(files, "/logs/a/0.log")
    assert files.list_dir("/logs/a") == ["1.log"]
    for path in ("", "/logs/a/0.log", "/gone/0.log"):
        remove_logs(files, path)
    assert files.list_dir("/logs/a") == ["1.log"]
