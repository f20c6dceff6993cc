"""Refusals in the API server's words, all at once, each with its place."""

from __future__ import annotations

import pytest

from kubesim.model.convert import convert
from kubesim.model.k8s_v1 import Pod
from kubesim.model.pod_defaults import default_pod
from kubesim.model.validation.pod import pod_errors, quantity_errors, validate_pod
from kubesim.model.yaml_text import load_document

NO_DIVISOR = "{resourceFieldRef: {divisor: x}}"
IN_SOURCES = "projected.sources[1].downwardAPI.items[0].resourceFieldRef.divisor"
OF_A_QUANTITY = "quantities must match the regular expression"


def errors_of(spec: str, metadata: str = "{name: a}") -> list[str]:
    document = load_document(f"{{kind: Pod, metadata: {metadata}, spec: {spec}}}", name="p")
    pod = default_pod(convert(document, Pod))
    return [f"{'.'.join(map(str, error.path))}: {error.body}" for error in pod_errors(pod)]


def test_a_good_pod() -> None:
    assert (
        errors_of("""{containers: [{name: c, image: x, ports: [{containerPort: 80, name: web}], volumeMounts: [
      {name: v, mountPath: /a, subPath: b/c}, {name: v, mountPath: /d, subPathExpr: $(A), readOnly: true,
      recursiveReadOnly: Enabled}], livenessProbe: {tcpSocket: {port: 1}}, readinessProbe: {exec: {command: [a]}},
      restartPolicy: Never, restartPolicyRules: [{action: Restart, exitCodes: {operator: In, values: [1]}}],
      env: [{name: A, value: b}, {name: B, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]}],
      initContainers: [{name: s, image: x, restartPolicy: Always, startupProbe: {grpc: {port: 1}},
      lifecycle: {preStop: {sleep: {seconds: 1}}}}],
      volumes: [{name: v, image: {reference: r}}], securityContext: {supplementalGroupsPolicy: Strict, runAsUser: 0,
      supplementalGroups: [2147483647]}, dnsPolicy: None, dnsConfig: {nameservers: [1.1.1.1]}, os: {name: linux}}""")
        == []
    )


def test_places_and_paths() -> None:
    text = "kind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: a\n  - image: x\n"
    document = load_document(text, name="pod.yaml")
    pod = default_pod(convert(document, Pod))
    assert [str(error) for error in validate_pod(pod, document)] == [
        "pod.yaml:5:5: spec.containers[0].image: Required value",
        "pod.yaml:6:5: spec.containers[1].name: Required value",
    ]


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ("{containers: [{resources: {limits: {cpu: 1.5x}}}]}", "spec.containers[0].resources.limits[cpu]"),
        ("{initContainers: [{resources: {requests: {cpu: 1 Gi}}}]}", "spec.initContainers[0].resources.requests[cpu]"),
        ("{ephemeralContainers: [{resources: {limits: {cpu: x}}}]}",
         "spec.ephemeralContainers[0].resources.limits[cpu]"),
        ("{resources: {limits: {cpu: q}}}", "spec.resources.limits[cpu]"),
        ("{resources: {requests: {cpu: q}}}", "spec.resources.requests[cpu]"),
        ("{overhead: {cpu: ''}}", "spec.overhead[cpu]"),
        ("{volumes: [{emptyDir: {sizeLimit: x}}]}", "spec.volumes[0].emptyDir.sizeLimit"),
        (f"{{volumes: [{{downwardAPI: {{items: [{{}}, {NO_DIVISOR}]}}}}]}}",
         "spec.volumes[0].downwardAPI.items[1].resourceFieldRef.divisor"),
        (f"{{volumes: [{{projected: {{sources: [{{secret: {{}}}}, {{downwardAPI: {{items: [{NO_DIVISOR}]}}}}]}}}}]}}",
         f"spec.volumes[0].{IN_SOURCES}"),
        (f"{{containers: [{{env: [{{}}, {{valueFrom: {{}}}}, {{valueFrom: {NO_DIVISOR}}}]}}]}}",
         "spec.containers[0].env[2].valueFrom.resourceFieldRef.divisor"),
    ],
)  # fmt: skip
def test_quantities_are_asked_for_before_defaulting(spec: str, path: str) -> None:
    """A decoder refuses them, before anybody computes with them."""
    pod = convert(load_document(f"{{kind: Pod, spec: {spec}}}", name="p"), Pod)
    (error,) = quantity_errors(pod)

    assert str(error).startswith(f"{path}: Invalid value: ")
    assert OF_A_QUANTITY in error.body or "unable to parse quantity's suffix" in error.body
