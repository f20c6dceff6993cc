"""What is not emulated yet is refused when the pod is applied, with its place; nothing is ignored in silence."""

import pytest

from kubesim.errors import InputError
from kubesim.node.sources import pods_of

POD = """\
apiVersion: v1
kind: Pod
metadata: {{name: p}}
spec:
  {pod}
  containers:
  - name: a
    image: i
    {container}
"""


def refusal(*, pod: str = "", container: str = "") -> str:
    with pytest.raises(InputError) as caught:
        pods_of(POD.format(pod=pod, container=container), kubelet_version="1.36")
    return str(caught.value)


@pytest.mark.parametrize(
    ("field", "place", "path"),
    [
        ("resourceClaims: [{name: c, resourceClaimName: x}]", "5:19", "spec.resourceClaims"),
        ("runtimeClassName: kata", "5:21", "spec.runtimeClassName"),
        ("schedulingGates: [{name: example.com/g}]", "5:20", "spec.schedulingGates"),
        ("securityContext: {seLinuxOptions: {level: s0}}", "5:37", "spec.securityContext.seLinuxOptions"),
        ("volumes: [{name: v, configMap: {name: c}}]", "5:13", "spec.volumes[0]"),
    ],
)
def test_a_field_of_the_pod(field: str, place: str, path: str) -> None:
    line = refusal(pod=field)

    assert line.startswith(f"<text>:{place}: {path}: ")
    assert line.endswith(" is not emulated yet; see the differences list of the README")


@pytest.mark.parametrize(
    ("field", "path"),
    [
        ("livenessProbe: {exec: {command: [x]}}", "livenessProbe"),
        ("readinessProbe: {exec: {command: [x]}}", "readinessProbe"),
        ("startupProbe: {exec: {command: [x]}}", "startupProbe"),
        ("env: [{name: A, valueFrom: {fileKeyRef: {volumeName: v, path: p, key: k}}}]", "env[0].valueFrom"),
        ("lifecycle: {preStop: {httpGet: {port: 80}}}", "lifecycle.preStop"),
        ("securityContext: {seLinuxOptions: {level: s0}}", "securityContext.seLinuxOptions"),
    ],
)
def test_a_field_of_a_container(field: str, path: str) -> None:
    line = refusal(container=field)

    assert line.startswith("<text>:9:")
    assert f" spec.containers[0].{path}: " in line
    assert line.endswith(" is not emulated yet; see the differences list of the README")


def test_every_refusal_gets_a_line() -> None:
    lines = refusal(pod="runtimeClassName: kata", container="livenessProbe: {exec: {command: [x]}}").split("\n")

    assert ["spec.runtimeClassName" in lines[0], "livenessProbe" in lines[1], len(lines)] == [True, True, 2]


@pytest.mark.parametrize(
    ("pod", "container"),
    [
        ("volumes: [{name: e, emptyDir: {}}, {name: h, hostPath: {path: /x}}]", ""),
        ("volumes: [{name: i, image: {reference: r}}]", ""),
        ("", "lifecycle: {preStop: {exec: {command: [x]}}, postStart: {sleep: {seconds: 1}}}"),
        ("", "env: [{name: A, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]"),
        ("", "env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}}}]"),
        ("", "envFrom: [{configMapRef: {name: c}}]"),
    ],
)
def test_what_is_emulated_passes(pod: str, container: str) -> None:
    (found,) = pods_of(POD.format(pod=pod, container=container), kubelet_version="1.36")

    assert found.metadata.name == "p"


def test_other_kinds_are_refused() -> None:
    with pytest.raises(InputError, match="a Node is not emulated yet"):
        pods_of("apiVersion: v1\nkind: Node\nmetadata: {name: c}\n", kubelet_version="1.36")
