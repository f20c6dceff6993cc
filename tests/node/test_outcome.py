"""One run of pods over any `Cri`: what comes back, and what is left behind. Here over the in-process runtime."""

from collections.abc import Callable

import pytest

from kubesim.errors import InputError
from kubesim.images.fixtures import load_catalogue
from kubesim.kernel import Kernel, Task
from kubesim.kubelet.start_error import KubeletStartError
from kubesim.model import k8s_v1 as v1
from kubesim.model.kubelet_configuration import kubelet_configuration
from kubesim.node.outcome import Outcome, PodCommand, all_settled, run_pods
from kubesim.node.sources import pods_of
from kubesim.node.world import World, WorldSettings
from kubesim.runtime.profiles import load_profile
from kubesim.runtime.service import Runtime
from kubesim.userland.files.host_files import MemoryHostFiles

SECOND_NS = 1_000_000_000
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  terminationGracePeriodSeconds: 2
  containers:
  - name: a
    image: registry.k8s.io/e2e-test-images/busybox:1.29-2
    command: [sleep, 1h]
"""


def run(
    *,
    commands: tuple[PodCommand, ...] = (),
    is_settled: Callable[[list[v1.Pod]], bool] | None = None,
    keep: bool = False,
    config: dict[str, object] | None = None,
    manifest: str = POD,
) -> tuple[Kernel, Runtime, Outcome]:
    kernel = Kernel(seed=1)
    files = MemoryHostFiles()
    profile = load_profile("containerd-2.3")
    runtime = Runtime(kernel, profile=profile, catalogue=load_catalogue([]), host_files=files, cgroup_driver="systemd")
    settings = WorldSettings(config=kubelet_configuration(config or {}))
    pods = pods_of(manifest, kubelet_version="1.36")
    main = run_pods(
        kernel, runtime, settings, files, pods,
        duration_ns=20 * SECOND_NS, is_settled=is_settled, commands=commands, keep=keep,
    )  # fmt: skip
    task: Task[Outcome] = kernel.spawn(main, name="main")
    task.watch(lambda _: None)
    kernel.run_until(kernel.now_ns + 600 * SECOND_NS, goal=lambda: task.is_done)
    return kernel, runtime, task.result()


def test_a_run_lasts_as_long_as_asked_and_leaves_the_runtime_empty() -> None:
    kernel, runtime, outcome = run()

    assert kernel.now_ns - kernel.start_ns >= 20 * SECOND_NS
    assert [pod["status"]["phase"] for pod in outcome.pods] == ["Running"]
    assert outcome.node["kind"] == "Node"
    assert outcome.cgroup_driver == "systemd"
    assert {event["reason"] for event in outcome.events} >= {"Created", "Started"}
    assert (runtime.statistics().sandboxes, runtime.statistics().containers) == (0, 0)


def test_a_run_ends_early_once_it_is_settled_and_then_runs_the_commands() -> None:
    command = PodCommand(pod="default/p", command=("id", "-u"))
    kernel, _, outcome = run(is_settled=all_settled, commands=(command,))

    assert kernel.now_ns - kernel.start_ns < 15 * SECOND_NS
    assert outcome.outputs == ["0\n"]


def test_a_run_can_leave_its_pods() -> None:
    _, runtime, _ = run(keep=True)

    assert runtime.statistics().running == 1


def test_a_kubelet_that_does_not_start_ends_the_run() -> None:
    with pytest.raises(KubeletStartError, match="shutdownGracePeriodCriticalPods"):
        run(config={"shutdownGracePeriod": "10s", "shutdownGracePeriodCriticalPods": "30s"})


def test_a_kubelet_that_does_not_reach_its_pods_refuses_what_needs_a_port() -> None:
    with pytest.raises(InputError, match=r"spec.containers\[0\].livenessProbe.httpGet: an HTTP request needs a way"):
        run(manifest=f"{POD}    livenessProbe: {{httpGet: {{port: 80}}}}\n")


def test_a_kubelet_that_does_not_reach_its_pods_probes_with_commands() -> None:
    _, _, outcome = run(manifest=f"{POD}    readinessProbe: {{exec: {{command: ['true']}}}}\n")

    assert outcome.pods[0]["status"]["containerStatuses"][0]["ready"] is True


def test_a_world_knows_two_operating_systems() -> None:
    settings = WorldSettings(config=kubelet_configuration({}), os="plan9")
    kernel = Kernel()
    files = MemoryHostFiles()
    runtime = Runtime(kernel, profile=load_profile("ideal"), catalogue=load_catalogue([]), host_files=files)
    with pytest.raises(InputError, match='unknown operating system "plan9"; use linux or windows'):
        World(kernel, runtime, settings, files)


def test_settled_pods_are_ready_or_have_ended() -> None:
    def pod(phase: str, ready: str) -> v1.Pod:
        return v1.Pod(status=v1.PodStatus(phase=phase, conditions=[v1.PodCondition(type="Ready", status=ready)]))

    assert all_settled([pod("Running", "True"), pod("Failed", "False"), pod("Succeeded", "False")])
    assert not all_settled([pod("Running", "True"), pod("Running", "False")])
    assert not all_settled([pod("Pending", "False")])
