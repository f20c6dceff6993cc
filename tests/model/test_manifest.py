"""Manifests: the objects a node can be given, defaulted, validated and within their version."""

from __future__ import annotations

from pathlib import Path

import pytest

from kubesim.errors import InputError
from kubesim.model.convert import convert
from kubesim.model.field_versions import version_errors
from kubesim.model.k8s_v1 import Node, Pod
from kubesim.model.manifest import Manifest, manifests
from kubesim.model.quantity import FORM_ERROR
from kubesim.model.validation.options import PodStrategy
from kubesim.model.yaml_text import Document, load_document, load_documents

PODS = Path(__file__).parents[2] / "fixtures" / "pods"
RECORDED = Path(__file__).parents[3] / "shared" / "recorded" / "manifests"

KINDS = 'expected one of "Pod", "ConfigMap", "Secret", "Service", "RuntimeClass", "Node", "List"'
CONTAINER = "{name: c, image: x, resources: {limits: {cpu: 1x}}}"
LIMITED = f"{{apiVersion: v1, kind: Pod, metadata: {{name: a}}, spec: {{containers: [{CONTAINER}]}}}}"
NOT_YET = "field 'supplementalGroupsPolicy' is not in Kubernetes 1.30"

TEXT = """\
apiVersion: v1
kind: Pod
metadata: {name: a}
spec: {containers: [{name: c, image: x}]}
---
apiVersion: v1
kind: List
metadata: {}
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: m}, data: {k: v}}
- {apiVersion: v1, kind: Secret, metadata: {name: s, namespace: other}, stringData: {k: v}}
- {apiVersion: v1, kind: Node, metadata: {name: node1}}
---
apiVersion: v1
kind: PodList
items:
- metadata: {name: b, namespace: other}
  spec: {containers: [{name: c, image: x}]}
"""


def objects_of(text: str, minor: int = 36) -> list[Manifest]:
    return manifests(load_documents(text, name="m"), strategy=PodStrategy(minor=minor))


def mistakes_of(text: str, minor: int = 36) -> list[str]:
    with pytest.raises(InputError) as caught:
        objects_of(text, minor)
    return str(caught.value).splitlines()


def test_objects_of_documents_and_lists() -> None:
    found = objects_of(TEXT)
    assert [(manifest.kind, manifest.key, manifest.where) for manifest in found] == [
        ("Pod", "default/a", "m:1:1"),
        ("ConfigMap", "default/m", "m:10:3"),
        ("Secret", "other/s", "m:11:3"),
        ("Node", "node1", "m:12:3"),
        ("Pod", "other/b", "m:17:3"),
    ]


def test_pods_are_defaulted() -> None:
    pod = objects_of(TEXT)[0].object
    assert isinstance(pod, Pod)
    assert pod.spec.restart_policy == "Always"
    assert pod.spec.containers[0].image_pull_policy == "Always"


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("- a", ["m:1:1: a manifest is a mapping; expected apiVersion, kind, ..."]),
        ("a: 1", ["m:1:1: missing 'apiVersion'; expected e.g. apiVersion: v1, kind: Pod"]),
        ("apiVersion: v1", ["m:1:1: missing 'kind'; expected e.g. apiVersion: v1, kind: Pod"]),
        ("{apiVersion: apps/v1, kind: Deployment}",
         [f"m:1:29: $.kind: kind 'Deployment' is nothing a kubelet works with; {KINDS}"]),
        ("{apiVersion: v2, kind: Pod}",
         ["m:1:14: $.apiVersion: unknown value 'v2'; expected \"v1\""]),
        ("{apiVersion: v1, kind: ConfigMap}",
         ["m:1:1: metadata.name: Required value: name or generateName is required"]),
        ("{apiVersion: v1, kind: List, item: []}",
         ["m:1:30: unknown field 'item', did you mean 'items'?",
          "m:1:1: $.items: a list needs items; expected a list of objects"]),
        ("{apiVersion: v1, kind: List, items: [1]}",
         ["m:1:38: $.items[0]: a manifest is a mapping; expected apiVersion, kind, ..."]),
        ("{apiVersion: v1, kind: List, items: [{kind: Pod}]}",
         ["m:1:38: $.items[0]: missing 'apiVersion'; expected e.g. apiVersion: v1, kind: Pod"]),
        (LIMITED, [f'm:1:116: spec.containers[0].resources.limits[cpu]: Invalid value: "1x": {FORM_ERROR}']),
    ],
)  # fmt: skip
def test_refusals(text: str, mistakes: list[str]) -> None:
    assert mistakes_of(text) == mistakes


def test_all_mistakes_of_all_documents_at_once() -> None:
    text = """\
apiVersion: v1
kind: Pod
metadata: {name: A}
spec: {containers: [{name: c}]}
---
apiVersion: v1
kind: Pod
spec: {containrs: []}
"""
    found = mistakes_of(text)
    assert [line.split(": ")[:2] for line in found] == [
        ["m:3:18", "metadata.name"],
        ["m:4:21", "spec.containers[0].image"],
        ["m:8:8", "$.spec"],
    ]


def test_fields_of_another_version_are_refused() -> None:
    text = """\
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  securityContext: {supplementalGroupsPolicy: Strict}
  volumes: [{name: v, image: {reference: x}}, {name: w, emptyDir: null, image: null}]
  containers: [{name: c, image: x}]
"""
    assert mistakes_of(text, 30) == [
        f"m:5:21: $.spec.securityContext: {NOT_YET}; PodSecurityContext.supplementalGroupsPolicy exists since 1.31",
        "m:6:23: $.spec.volumes[0]: field 'image' is not in Kubernetes 1.30; Volume.image exists since 1.31",
    ]
    assert objects_of(text, 31)[0].key == "default/a"


def test_removed_fields_say_until_when() -> None:
    value = {"spec": {"workloadRef": {"name": "w"}, "resourceClaims": [{"name": "c", "source": {}}]}}
    document = Document(value=value, name="d")
    assert convert(document, Pod).spec.workload_ref is not None
    found = version_errors(value, Pod, document, minor=36)
    assert [(error.what, error.hint) for error in found] == [
        ("$.spec: field 'workloadRef' is not in Kubernetes 1.36", "PodSpec.workloadRef exists from 1.35 to 1.35"),
        (
            "$.spec.resourceClaims[0]: field 'source' is not in Kubernetes 1.36",
            "PodResourceClaim.source was removed after 1.30",
        ),
    ]


def test_versions_of_a_node() -> None:
    document = load_document("status: {declaredFeatures: [a], conditions: []}", name="d")
    found = version_errors(document.value, Node, document, minor=34)
    assert [(error.where, error.what) for error in found] == [
        ("d:1:10", "$.status: field 'declaredFeatures' is not in Kubernetes 1.34")
    ]
    assert version_errors(document.value, Node, document, minor=35) == []


@pytest.mark.parametrize("path", sorted(PODS.glob("*.yaml")), ids=lambda path: path.name)
def test_the_example_pods_are_right(path: Path) -> None:
    assert manifests(load_documents(path.read_bytes(), name=path.name))


@pytest.mark.skipif(not RECORDED.exists(), reason="the recordings of a real kubelet are not beside the repository")
def test_the_recorded_manifests_are_right() -> None:
    found = [
        manifest
        for path in sorted(RECORDED.glob("*.yaml"))
        for manifest in manifests(load_documents(path.read_bytes(), name=path.name))
    ]
    assert [manifest.kind for manifest in found].count("Pod") == 51
