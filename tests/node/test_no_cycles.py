"""What ends leaves nothing to Python's collector of cycles: memory of a pod goes with the pod."""

import gc
from collections.abc import Iterator

import pytest

from kubesim import Node

BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.29-2"
SPECS = {
    "sleeper": f"{{containers: [{{name: c, image: {BUSYBOX}, command: [sleep, '36000']}}]}}",
    "job": f"{{restartPolicy: Never, containers: [{{name: c, image: {BUSYBOX}, command: ['true']}}]}}",
    "crash loop": f"{{containers: [{{name: c, image: {BUSYBOX}, command: ['false']}}]}}",
    "no command": f"{{containers: [{{name: c, image: {BUSYBOX}, command: [nosuch]}}]}}",
    "no image": "{containers: [{name: c, image: registry.example/none:1}]}",
    "init and sidecar": f"""
    initContainers:
    - {{name: init, image: {BUSYBOX}, command: ['true']}}
    - {{name: sidecar, image: {BUSYBOX}, command: [sleep, '36000'], restartPolicy: Always}}
    containers:
    - {{name: c, image: {BUSYBOX}, command: [sleep, '36000']}}
""",
    "probes and hooks": f"""
    containers:
    - name: c
      image: {BUSYBOX}
      command: [sleep, '36000']
      readinessProbe: {{exec: {{command: ['true']}}}}
      livenessProbe: {{tcpSocket: {{port: 80}}}}
      lifecycle: {{postStart: {{exec: {{command: ['true']}}}}, preStop: {{exec: {{command: [sleep, '1']}}}}}}
""",
}


@pytest.fixture
def no_collections() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def live(node: Node, spec: str) -> None:
    """A pod from apply until it is gone."""
    (key,) = node.apply(f"apiVersion: v1\nkind: Pod\nmetadata: {{name: pod}}\nspec: {spec}")
    node.advance("60s")
    node.delete(key)
    node.advance("90s")
    assert not node.pods()


@pytest.mark.parametrize("kind", SPECS)
def test_a_pod_that_is_gone_was_not_held_in_cycles(kind: str, no_collections: None) -> None:
    with Node() as node:
        live(node, SPECS[kind])  # what is made once and kept
        gc.collect()
        live(node, SPECS[kind])
        assert gc.collect() == 0
