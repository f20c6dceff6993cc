"""What is not emulated yet is refused when the pod is applied, with its place; nothing is ignored in silence."""

import pytest

import kubesim
from kubesim.errors import InputError
from kubesim.node.pod_strategy import pod_strategy
from kubesim.node.sources import objects_of, pods_of
from kubesim.node.unsupported import refuse_network_use
from kubesim.policy.feature_gates import resolve_gates

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


OTHER_VOLUME = (
    "a volume of this kind is not emulated yet; "
    "use one of configMap, downwardAPI, emptyDir, hostPath, image, projected, secret"
)
BUNDLE = "volumes: [{name: v, projected: {sources: [{clusterTrustBundle: {name: b, path: t}}]}}]"


@pytest.mark.parametrize(
    ("field", "line"),
    [
        (
            "resourceClaims: [{name: c, resourceClaimName: x}]",
            "5:19: spec.resourceClaims: dynamic resource allocation is not emulated yet; leave it out",
        ),
        (
            "volumes: [{name: v, nfs: {server: s, path: /x}}]",
            f"5:28: spec.volumes[0].nfs: {OTHER_VOLUME}",
        ),
        (
            "volumes: [{name: v, persistentVolumeClaim: {claimName: c}}]",
            f"5:46: spec.volumes[0].persistentVolumeClaim: {OTHER_VOLUME}",
        ),
    ],
)
def test_a_field_of_the_pod(field: str, line: str) -> None:
    assert refusal(pod=field) == f"<text>:{line}; see the differences list of the README"


def test_what_a_source_projects() -> None:
    strategy = pod_strategy("1.36", {**resolve_gates("1.36"), "ClusterTrustBundleProjection": True})
    with pytest.raises(InputError) as caught:
        objects_of(POD.format(pod=BUNDLE, container=""), kubelet_version="1.36", strategy=strategy)
    assert str(caught.value) == (
        "<text>:5:66: spec.volumes[0].projected.sources[0].clusterTrustBundle: "
        "what this source projects is not emulated yet; use one of configMap, downwardAPI, secret, "
        "serviceAccountToken; see the differences list of the README"
    )


def test_sources_whose_gates_are_off_are_dropped_and_project_nothing() -> None:
    certificate = "{podCertificate: {signerName: example.com/s, keyType: ED25519, credentialBundlePath: t}}"
    text = POD.format(pod=BUNDLE.replace("path: t}}", f"path: t}}}}, {certificate}"), container="")
    with kubesim.Node() as node:
        node.apply(text)
        [volume] = [one for one in node.pod("default/p")["spec"]["volumes"] if one["name"] == "v"]
        assert volume["projected"]["sources"] == [{}, {}]


@pytest.mark.parametrize(
    ("field", "path"),
    [
        ("volumeDevices: [{name: v, devicePath: /dev/x}]", "volumeDevices"),
    ],
)
def test_a_field_of_a_container(field: str, path: str) -> None:
    line = refusal(pod="volumes: [{name: v, persistentVolumeClaim: {claimName: c}}]", container=field).split("\n")[-1]

    assert line.startswith("<text>:9:")
    assert f" spec.containers[0].{path}: " in line
    assert line.endswith(" is not emulated yet; leave it out; see the differences list of the README")


def test_every_refusal_gets_a_line() -> None:
    pod = "volumes: [{name: v, persistentVolumeClaim: {claimName: c}}]"
    lines = refusal(pod=pod, container="volumeDevices: [{name: v, devicePath: /dev/x}]").split("\n")

    assert ["spec.volumes" in lines[0], "volumeDevices" in lines[1], len(lines)] == [True, True, 2]


@pytest.mark.parametrize(
    ("pod", "container"),
    [
        ("volumes: [{name: e, emptyDir: {}}, {name: h, hostPath: {path: /x}}]", ""),
        ("volumes: [{name: i, image: {reference: r}}]", ""),
        ("volumes: [{name: c, configMap: {name: c}}, {name: s, secret: {secretName: s}}]", ""),
        ("volumes: [{name: p, projected: {sources: [{secret: {name: s}}]}}, {name: d, downwardAPI: {items: []}}]", ""),
        ("", "lifecycle: {preStop: {exec: {command: [x]}}, postStart: {sleep: {seconds: 1}}}"),
        ("", "livenessProbe: {httpGet: {port: 80}}"),
        ("", "readinessProbe: {tcpSocket: {port: 80}}"),
        ("", "startupProbe: {grpc: {port: 80}}"),
        ("", "lifecycle: {preStop: {httpGet: {port: 80}}}"),
        ("", "env: [{name: A, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]"),
        ("", "env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}}}]"),
        ("", "envFrom: [{configMapRef: {name: c}}]"),
        (
            "volumes: [{name: v, emptyDir: {}}]",
            "env: [{name: A, valueFrom: {fileKeyRef: {volumeName: v, path: p, key: k}}}]",
        ),
    ],
)
def test_what_is_emulated_passes(pod: str, container: str) -> None:
    (found,) = pods_of(POD.format(pod=pod, container=container), kubelet_version="1.36")

    assert found.metadata.name == "p"


def test_other_kinds_are_refused() -> None:
    with pytest.raises(InputError, match="a Node is not emulated yet"):
        pods_of("apiVersion: v1\nkind: Node\nmetadata: {name: c}\n", kubelet_version="1.36")


def test_a_kubelet_without_a_way_to_ports_refuses_what_needs_one() -> None:
    container = (
        "livenessProbe: {httpGet: {port: 80}}\n    readinessProbe: {tcpSocket: {port: 80}}\n"
        "    startupProbe: {grpc: {port: 80}}\n    lifecycle: {preStop: {httpGet: {port: 80}}}"
    )
    (pod,) = pods_of(POD.format(pod="", container=container), kubelet_version="1.36")
    with pytest.raises(InputError) as caught:
        refuse_network_use(pod)
    lines = str(caught.value).split("\n")
    assert [line.partition(": spec.containers[0].")[2].partition(":")[0] for line in lines] == [
        "livenessProbe.httpGet",
        "readinessProbe.tcpSocket",
        "startupProbe.grpc",
        "lifecycle.preStop.httpGet",
    ]
    assert lines[0].endswith(
        "needs a way to the pod's ports, and the emulated kubelet has none over --cri; use exec, or leave --cri out"
    )


def test_a_kubelet_without_a_way_to_ports_runs_commands() -> None:
    container = "livenessProbe: {exec: {command: [x]}}\n    lifecycle: {postStart: {exec: {command: [x]}}}"
    (pod,) = pods_of(POD.format(pod="", container=container), kubelet_version="1.36")
    refuse_network_use(pod)
    assert pod.spec.containers[0].liveness_probe is not None
