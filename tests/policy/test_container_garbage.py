"""What is kept of a pod's dead containers and sandboxes."""

from kubesim.policy.container_garbage import ended_containers, ended_sandboxes, older_containers, older_sandboxes
from kubesim.policy.pod_view import RuntimeContainer, RuntimePod, RuntimeSandbox, RuntimeState

EXITED, RUNNING, UNKNOWN = RuntimeState.EXITED, RuntimeState.RUNNING, RuntimeState.UNKNOWN


def container(name: str, number: int, state: RuntimeState, sandbox: str = "s2") -> RuntimeContainer:
    return RuntimeContainer(id=f"containerd://{name}{number}", name=name, state=state, sandbox_id=sandbox)


def ids(found: list[RuntimeContainer] | list[RuntimeSandbox]) -> list[str]:
    return [one.id for one in found]


POD = RuntimePod(
    sandboxes=(
        RuntimeSandbox(id="s3", is_ready=False),
        RuntimeSandbox(id="s2", is_ready=True),
        RuntimeSandbox(id="s1", is_ready=False),
        RuntimeSandbox(id="s0", is_ready=False),
    ),
    containers=(
        container("a", 3, RUNNING),
        container("a", 2, EXITED),
        container("b", 1, EXITED),
        container("a", 1, EXITED),
        container("a", 0, UNKNOWN),
        container("b", 0, EXITED, sandbox="s0"),
    ),
)


def test_the_newest_dead_container_of_each_name_stays() -> None:
    assert ids(older_containers(POD)) == ["containerd://a1", "containerd://b0"]


def test_the_newest_sandbox_stays_and_what_runs_or_holds_a_container() -> None:
    assert ids(older_sandboxes(POD)) == ["s1"]
    assert older_sandboxes(RuntimePod(sandboxes=(RuntimeSandbox(id="s0", is_ready=False),))) == []


def test_of_an_evicted_pod_stays_what_runs() -> None:
    assert ids(ended_containers(POD)) == [f"containerd://{one}" for one in ("a2", "b1", "a1", "a0", "b0")]
    assert ids(ended_sandboxes(POD)) == ["s3", "s1", "s0"]
