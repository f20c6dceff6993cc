"""A pod of a dual-stack runtime as the API shows it: podIPs in the runtime's order, podIP the first of them."""

from __future__ import annotations

from kubesim.images.fixtures import load_catalogue
from kubesim.kernel import Kernel, Task
from kubesim.model.kubelet_configuration import kubelet_configuration
from kubesim.node.outcome import Outcome, PodCommand, all_settled, run_pods
from kubesim.node.sources import pods_of
from kubesim.node.world import WorldSettings
from kubesim.runtime.profiles import load_profile
from kubesim.runtime.service import Runtime
from kubesim.userland.files.host_files import MemoryHostFiles

SECOND_NS = 1_000_000_000
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers:
  - name: a
    image: registry.k8s.io/e2e-test-images/busybox:1.29-2
    command: [sleep, 1h]
    env:
    - name: IPS
      valueFrom: {fieldRef: {fieldPath: status.podIPs}}
"""


def test_a_pod_has_the_addresses_that_the_runtime_says() -> None:
    kernel, files = Kernel(seed=1), MemoryHostFiles()
    runtime = Runtime(
        kernel,
        profile=load_profile("containerd-2.3"),
        catalogue=load_catalogue([]),
        host_files=files,
        cgroup_driver="systemd",
        pod_ipv6_cidr="fd00:88::/64",
    )
    main = run_pods(
        kernel,
        runtime,
        WorldSettings(config=kubelet_configuration({})),
        files,
        pods_of(POD, kubelet_version="1.36"),
        duration_ns=20 * SECOND_NS,
        is_settled=all_settled,
        commands=tuple(
            PodCommand(pod="default/p", command=("sh", "-c", line)) for line in ("echo $IPS", "grep p$ /etc/hosts")
        ),
    )
    task: Task[Outcome] = kernel.spawn(main, name="main")
    task.watch(lambda _: None)
    kernel.run_until(kernel.now_ns + 600 * SECOND_NS, goal=lambda: task.is_done)
    outcome = task.result()

    status = outcome.pods[0]["status"]
    assert status["podIPs"] == [{"ip": "10.88.0.2"}, {"ip": "fd00:88::2"}]
    assert status["podIP"] == "10.88.0.2"
    assert outcome.outputs == ["10.88.0.2,fd00:88::2\n", "10.88.0.2\tp\nfd00:88::2\tp\n"]
