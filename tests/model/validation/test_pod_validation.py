"""Refusals in the API server's words, all at once, each with its place."""

from __future__ import annotations

import pytest

from kubesim.model.convert import convert
from kubesim.model.k8s_v1 import ObjectMeta, Pod
from kubesim.model.pod_defaults import default_pod
from kubesim.model.validation.metadata import check_metadata, check_metadata_update
from kubesim.model.validation.options import ValidationOptions
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


def errors_with(spec: str, **options: bool) -> list[str]:
    pod = default_pod(convert(load_document(f"{{kind: Pod, metadata: {{name: a}}, spec: {spec}}}", name="p"), Pod))
    return [str(error) for error in pod_errors(pod, ValidationOptions(**options))]


@pytest.mark.parametrize(
    ("value", "problems"),
    [
        ("1", []),
        ("-5", []),
        ("", ["must be non-empty", 'strconv.ParseInt: parsing "": invalid syntax']),
        ("01", ["must be a valid decimal integer in canonical form"]),
        ("+1", ["must be a valid decimal integer in canonical form"]),
        ("x", ["must be a valid decimal integer in canonical form", 'strconv.ParseInt: parsing "x": invalid syntax']),
        ("9223372036854775808", ['strconv.ParseInt: parsing "9223372036854775808": value out of range']),
    ],
)
def test_tolerations_that_compare(value: str, problems: list[str]) -> None:
    """With the gate TaintTolerationComparisonOperators."""
    spec = f"{{containers: [{{name: a, image: i}}], tolerations: [{{key: k, operator: Lt, value: '{value}'}}]}}"

    assert errors_with(spec, compared_tolerations=True) == [
        f'spec.tolerations[0].value: Invalid value: "{value}": {problem}' for problem in problems
    ]


@pytest.mark.parametrize(
    ("spec", "options", "error"),
    [
        ("{containers: [{name: a, image: i, restartPolicy: Never}]}", {"restart_rules": False},
         "spec.containers[0].restartPolicy: Forbidden: may not be set for non-init containers"),
        ("{containers: [{name: a, image: i}], initContainers: [{name: b, image: i, restartPolicy: Never}]}",
         {"restart_rules": False},
         'spec.initContainers[0].restartPolicy: Unsupported value: "Never": supported values: "Always"'),
        (("{containers: [{name: a, image: i}], initContainers: [{name: b, image: i, restartPolicy: Always, "
         "resizePolicy: [{resourceName: cpu, restartPolicy: NotRequired}]}]}"), {"init_resize_policy": False},
         ('spec.initContainers[0].resizePolicy: Invalid value: [{"ResourceName":"cpu","RestartPolicy":"NotRequired"}]: '
         "must not be set for init containers")),
        ("{containers: [{name: a, image: i}], securityContext: {seLinuxChangePolicy: X}}",
         {"any_selinux_change_policy": True},
         ('spec.securityContext.seLinuxChangePolicy: Unsupported value: "X": supported values: "MountOption", '
         '"Recursive"')),
        ("{containers: [{name: a, image: i}], dnsConfig: {nameservers: ['::ffff:1.2.3.04']}}", {},
         'spec.dnsConfig.nameservers[0]: Invalid value: "::ffff:1.2.3.04": must not have leading 0s'),
        ("{containers: [{name: a, image: i}], priorityClassName: A}", {},
         'spec.priorityClassName: Invalid value: "A": a lowercase RFC 1123 subdomain'),
        (("{containers: [{name: a, image: i, volumeDevices: [{name: v, devicePath: /d}]}], hostUsers: false, volumes: "
         "[{name: v, persistentVolumeClaim: {claimName: c}}]}"), {},
         "spec.containers[0].volumeDevices: Forbidden: when `hostUsers` is false"),
    ],
)  # fmt: skip
def test_options(spec: str, options: dict[str, bool], error: str) -> None:
    (found,) = errors_with(spec, **options)

    assert found.startswith(error)


def test_annotations_have_a_size() -> None:
    meta = ObjectMeta(name="a", namespace="b_", annotations={"a": "x" * 262_144}, generation=-1)
    first, second, third = check_metadata(meta)

    assert str(first).startswith('metadata.namespace: Invalid value: "b_": a lowercase RFC 1123 label')
    assert str(second) == "metadata.generation: Invalid value: -1: must be greater than or equal to 0"
    assert str(third) == "metadata.annotations: Too long: may not be more than 262144 bytes"


def test_who_an_object_is_stays() -> None:
    old = ObjectMeta(name="a", namespace="b", uid="u", deletion_timestamp="2026-01-01T00:00:00Z", finalizers=["x/y"])
    new = ObjectMeta(name="c", namespace="b", uid="v", finalizers=["x/y", "x/z"])

    assert [str(error) for error in check_metadata_update(new, old)] == [
        (
            "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new "
            'finalizers []string{"x/z"}'
        ),
        'metadata.name: Invalid value: "c": field is immutable',
        'metadata.uid: Invalid value: "v": field is immutable',
    ]


def test_no_name_is_generated() -> None:
    (error,) = check_metadata(ObjectMeta(generate_name="a-", namespace="b"))

    assert str(error) == "metadata.name: Required value: no name is made out of generateName here"
