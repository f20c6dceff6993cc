"""What an API server of another version, or with other feature gates, refuses."""

import pytest

from kubesim.errors import InputError
from kubesim.node.pod_strategy import minor_version, pod_strategy
from kubesim.node.sources import objects_of
from kubesim.policy.feature_gates import resolve_gates

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  %s
  containers:
  - {name: a, image: i, %s}
"""
RULE = "exitCodes: {operator: In, values: [1]}"
RESTART_ALL = f"restartPolicy: Never, restartPolicyRules: [{{action: RestartAllContainers, {RULE}}}]"
SUB_PATH = "volumeMounts: [{name: v, mountPath: /a, subPath: b}]"
IMAGE = "volumes: [{name: v, image: {reference: x}}]"
ON_THE_NODE = "hostUsers: false\n  hostNetwork: true"
NO_SYSTEM = "Forbidden: may not be set for containers with empty `spec.os.name`"
SIGNALS = {"ContainerStopSignals": True}
OLD_NAME = "a valid environment variable name must consist of alphabetic characters, digits"


def refusals(version: str, *, pod: str = "", container: str = "", **gates: bool) -> list[str]:
    strategy = pod_strategy(version, resolve_gates(version, gates))
    try:
        objects_of(POD % (pod, container), kubelet_version=version, strategy=strategy)
    except InputError as error:
        return str(error).splitlines()
    return []


def test_names_of_variables_that_an_old_api_server_refuses() -> None:
    names = "env: [{name: 1st}, {name: GOOD}], envFrom: [{prefix: .., secretRef: {name: s}}]"
    first, second = refusals("1.31", container=names)

    assert first.startswith(f'<text>:7:38: spec.containers[0].env[0].name: Invalid value: "1st": {OLD_NAME}')
    assert second.startswith('<text>:7:78: spec.containers[0].envFrom[0].prefix: Invalid value: "..": must not be')
    assert refusals("1.32", container=names) == []


@pytest.mark.parametrize(
    ("version", "gates", "pod", "container", "wanted"),
    [
        ("1.32", {}, "", "lifecycle: {preStop: {sleep: {seconds: 0}}}", "must be greater than 0 and less than"),
        ("1.33", {}, "", "lifecycle: {preStop: {sleep: {seconds: 0}}}", ""),
        ("1.36", {}, ON_THE_NODE, "", "spec.hostNetwork: Forbidden: when `hostUsers` is false"),
        ("1.36", {"UserNamespacesHostNetworkSupport": True}, ON_THE_NODE, "", ""),
        ("1.36", {"UserNamespacesHostNetworkSupport": False}, "hostUsers: true\n  hostNetwork: true", "", ""),
        ("1.32", {}, ON_THE_NODE, "", ""),
        ("1.36", {}, "", "lifecycle: {stopSignal: SIGTERM}", ""),
        ("1.36", SIGNALS, "", "lifecycle: {stopSignal: SIGTERM}", NO_SYSTEM),
        ("1.36", SIGNALS, "os: {name: linux}", "lifecycle: {stopSignal: TERM}", '"TERM": supported values: "SIGABRT"'),
        ("1.36", SIGNALS, "os: {name: mac}", "lifecycle: {stopSignal: TERM}", 'spec.os: Unsupported value: "mac"'),
        ("1.32", {}, "dnsConfig: {searches: [a_b]}", "", "spec.dnsConfig.searches[0]: Invalid value"),
        ("1.33", {}, "dnsConfig: {searches: [a_b]}", "", ""),
        ("1.35", {}, "dnsConfig: {nameservers: [010.0.0.1]}", "", ""),
        ("1.36", {}, "dnsConfig: {nameservers: [010.0.0.1]}", "", "must not have leading 0s"),
        ("1.35", {}, "", RESTART_ALL, 'supported values: "Restart"'),
        ("1.34", {}, "", "restartPolicy: Never", ""),
        ("1.34", {}, "", "env: [{name: A, valueFrom: {}}]", "`configMapKeyRef` or `secretKeyRef`"),
        ("1.35", {}, "", "env: [{name: A, valueFrom: {}}]", "`secretKeyRef` or `fileKeyRef`"),
        ("1.32", {"ImageVolume": True}, IMAGE, SUB_PATH, "not allowed in image volume sources"),
        ("1.33", {"ImageVolume": True}, IMAGE, SUB_PATH, ""),
        ("1.33", {"PodLevelResources": False}, "resources: {limits: {cpu: -1}}", "", ""),
    ],
)  # fmt: skip
def test_versions_and_gates(version: str, gates: dict[str, bool], pod: str, container: str, wanted: str) -> None:
    found = refusals(version, pod=pod, container=container, **gates)

    assert len(found) == bool(wanted)
    assert all(wanted in one for one in found)


@pytest.mark.parametrize(
    ("gates", "init", "wanted"),
    [
        ({}, f"restartPolicy: Always, restartPolicyRules: [{{action: Restart, {RULE}}}]", "not allowed for init"),
        ({}, "restartPolicy: OnFailure", ""),
        ({"ContainerRestartRules": False}, "restartPolicy: OnFailure", ""),
        ({"ContainerRestartRules": False}, "restartPolicy: Always", ""),
    ],
)  # fmt: skip
def test_init_containers_of_1_35(gates: dict[str, bool], init: str, wanted: str) -> None:
    found = refusals("1.35", pod=f"initContainers: [{{name: b, image: i, {init}}}]", **gates)

    assert len(found) == bool(wanted)
    assert all(wanted in one for one in found)


def test_the_version_is_known() -> None:
    assert minor_version("1.34.2") == 34
    with pytest.raises(InputError, match="unknown kubelet version"):
        pod_strategy("1.27")
