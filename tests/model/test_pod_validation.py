"""Refusals in the API server's words, all at once, each with its place."""

from __future__ import annotations

import pytest

from kubesim.model.convert import convert
from kubesim.model.k8s_v1 import Pod
from kubesim.model.pod_defaults import default_pod
from kubesim.model.pod_validation import pod_errors, quantity_errors, validate_pod
from kubesim.model.yaml_text import load_document

PULL_POLICIES = 'supported values: "Always", "IfNotPresent", "Never"'
PLAIN_INIT = "Forbidden: may not be set for init containers without restartPolicy=Always"
RECURSIVE = "volumeMounts.0.recursiveReadOnly: Forbidden: may only be specified when"
PRIVILEGED = "Forbidden: Bidirectional mount propagation is available only to privileged containers"
FS_POLICIES = 'supported values: "Always", "OnRootMismatch"'
DNS = 'supported values: "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"'
EPHEMERAL_MOUNT = "volumeMounts: [{name: v, mountPath: /v, subPath: a}]"
MANY_CODES = f"{{action: Restart, exitCodes: {{operator: In, values: {list(range(256))}}}}}"
MOUNT = "volumeMounts: [{name: v, mountPath: /a, %s}]"

GOOD = "{name: c, image: x, %s}"
SPEC = "{containers: [{name: c, image: x}], %s}"


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
      lifecycle: {preStop: {sleep: {seconds: 1}}}}], ephemeralContainers: [{name: e, image: z}],
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
    ("metadata", "error"),
    [
        ("{}", "metadata.name: Required value: name or generateName is required"),
        (
            "{name: Bad}",
            'metadata.name: Invalid value: "Bad": a lowercase RFC 1123 subdomain must consist of lower case',
        ),
        (f"{{name: {'a' * 254}}}", "must be no more than 253 bytes"),
        ("{name: a, namespace: a.b}", 'metadata.namespace: Invalid value: "a.b": a lowercase RFC 1123 label must'),
    ],
)
def test_metadata(metadata: str, error: str) -> None:
    found = errors_of(SPEC % "", metadata)
    assert len(found) == 1
    assert error in found[0]


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        ("{}", "spec.containers: Required value"),
        (SPEC % "restartPolicy: X",
         'spec.restartPolicy: Unsupported value: "X": supported values: "Always", "OnFailure", "Never"'),
        (SPEC % "dnsPolicy: X", f'spec.dnsPolicy: Unsupported value: "X": {DNS}'),
        (SPEC % "dnsPolicy: None",
         "spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"),
        (SPEC % "terminationGracePeriodSeconds: -1",
         "spec.terminationGracePeriodSeconds: Invalid value: -1: must be greater than or equal to 0"),
        (SPEC % "activeDeadlineSeconds: 0",
         "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"),
        (SPEC % "os: {name: mac}", 'spec.os.name: Unsupported value: "mac": supported values: "linux", "windows"'),
        (SPEC % "securityContext: {supplementalGroupsPolicy: X}",
         'spec.securityContext.supplementalGroupsPolicy: Unsupported value: "X": supported values: "Merge", "Strict"'),
        (SPEC % "os: {name: windows}, securityContext: {supplementalGroupsPolicy: Merge}",
         "spec.securityContext.supplementalGroupsPolicy: Forbidden: cannot be set for a windows pod"),
        (SPEC % "securityContext: {runAsUser: 2147483648}",
         "spec.securityContext.runAsUser: Invalid value: 2147483648: must be between 0 and 2147483647, inclusive"),
        (SPEC % "securityContext: {runAsGroup: -1}",
         "spec.securityContext.runAsGroup: Invalid value: -1: must be between 0 and 2147483647, inclusive"),
        (SPEC % "securityContext: {fsGroup: -1}",
         "spec.securityContext.fsGroup: Invalid value: -1: must be between 0 and 2147483647, inclusive"),
        (SPEC % "securityContext: {supplementalGroups: [0, -1]}",
         "spec.securityContext.supplementalGroups.1: Invalid value: -1: must be between 0 and 2147483647, inclusive"),
        (SPEC % "securityContext: {fsGroupChangePolicy: X}",
         f'spec.securityContext.fsGroupChangePolicy: Unsupported value: "X": {FS_POLICIES}'),
        (SPEC % "resources: {requests: {cpu: 2}, limits: {cpu: 1}}",
         'spec.resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'),
        (SPEC % "volumes: [{name: v}, {name: v}]", 'spec.volumes.1.name: Duplicate value: "v"'),
        (SPEC % "volumes: [{emptyDir: {}}]", "spec.volumes.0.name: Required value"),
        (SPEC % "volumes: [{name: v, emptyDir: {}, image: {reference: x}}]",
         "spec.volumes.0.image: Forbidden: may not specify more than 1 volume type"),
        (SPEC % "volumes: [{name: v, image: {}}]", "spec.volumes.0.image.reference: Required value"),
        (SPEC % "volumes: [{name: v, image: {reference: x, pullPolicy: X}}]",
         f'spec.volumes.0.image.pullPolicy: Unsupported value: "X": {PULL_POLICIES}'),
        (SPEC % "volumes: [{name: v, hostPath: {}}]", "spec.volumes.0.hostPath.path: Required value"),
        (SPEC % "volumes: [{name: v, secret: {}}]", "spec.volumes.0.secret.secretName: Required value"),
        (SPEC % "volumes: [{name: v, configMap: {}}]", "spec.volumes.0.configMap.name: Required value"),
        ("{containers: [{name: c, image: x}, {name: c, image: x}]}", 'spec.containers.1.name: Duplicate value: "c"'),
        (SPEC % "initContainers: [{name: c, image: x}]", 'spec.initContainers.0.name: Duplicate value: "c"'),
        (SPEC % "initContainers: [{name: i, image: x, livenessProbe: {exec: {command: [a]}}, restartPolicy: Never}]",
         f"spec.initContainers.0.livenessProbe: {PLAIN_INIT}"),
        (SPEC % "initContainers: [{name: i, image: x, lifecycle: {preStop: {sleep: {seconds: 1}}}}]",
         f"spec.initContainers.0.lifecycle: {PLAIN_INIT}"),
        (SPEC % "ephemeralContainers: [{name: e, image: x, ports: [{containerPort: 1}]}]",
         "spec.ephemeralContainers.0.ports: Forbidden: cannot be set for an Ephemeral Container"),
        (SPEC % f"volumes: [{{name: v}}], ephemeralContainers: [{{name: e, image: x, {EPHEMERAL_MOUNT}}}]",
         "spec.ephemeralContainers.0.volumeMounts.0.subPath: Forbidden: cannot be set for an Ephemeral Container"),
    ],
)  # fmt: skip
def test_pods(spec: str, error: str) -> None:
    assert errors_of(spec) == [error]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ("imagePullPolicy: X", f'imagePullPolicy: Unsupported value: "X": {PULL_POLICIES}'),
        ("terminationMessagePolicy: X",
         'terminationMessagePolicy: Unsupported value: "X": supported values: "File", "FallbackToLogsOnError"'),
        ("restartPolicy: X",
         'restartPolicy: Unsupported value: "X": supported values: "Always", "Never", "OnFailure"'),
        ("restartPolicyRules: [{action: Restart, exitCodes: {operator: In, values: [1]}}]",
         "restartPolicy: Required value: must specify restartPolicy when restart rules are used"),
        ("restartPolicy: Never, restartPolicyRules: [{action: X, exitCodes: {operator: In, values: [1]}}]",
         'restartPolicyRules.0.action: Unsupported value: "X": supported values: "Restart", "RestartAllContainers"'),
        ("restartPolicy: Never, restartPolicyRules: [{action: Restart}]",
         "restartPolicyRules.0.exitCodes: Required value: must be specified"),
        ("restartPolicy: Never, restartPolicyRules: [{action: Restart, exitCodes: {operator: X, values: [1]}}]",
         'restartPolicyRules.0.exitCodes.operator: Unsupported value: "X": supported values: "In", "NotIn"'),
        (f"restartPolicy: Never, restartPolicyRules: [{MANY_CODES}]",
         "restartPolicyRules.0.exitCodes.values: Too many: 256: must have at most 255 items"),
        ("volumeMounts: [{name: w, mountPath: /a}]", 'volumeMounts.0.name: Not found: "w"'),
        ("volumeMounts: [{mountPath: /a}]", "volumeMounts.0.name: Required value"),
        ("volumeMounts: [{name: v}]", "volumeMounts.0.mountPath: Required value"),
        ("volumeMounts: [{name: v, mountPath: /a}, {name: v, mountPath: /a}]",
         'volumeMounts.1.mountPath: Invalid value: "/a": must be unique'),
        ("volumeMounts: [{name: v, mountPath: /a, subPath: /b}]",
         'volumeMounts.0.subPath: Invalid value: "/b": must be a relative path'),
        ("volumeMounts: [{name: v, mountPath: /a, subPathExpr: b/..}]",
         "volumeMounts.0.subPathExpr: Invalid value: \"b/..\": must not contain '..'"),
        ("volumeMounts: [{name: v, mountPath: /a, subPath: b, subPathExpr: c}]",
         'volumeMounts.0.subPathExpr: Invalid value: "c": subPathExpr and subPath are mutually exclusive'),
        ("volumeMounts: [{name: v, mountPath: /a, mountPropagation: Bidirectional}]",
         f"volumeMounts.0.mountPropagation: {PRIVILEGED}"),
        ("volumeMounts: [{name: v, mountPath: /a, recursiveReadOnly: Enabled}]",
         f"{RECURSIVE} readOnly is true"),
        (MOUNT % "recursiveReadOnly: IfPossible, readOnly: true, mountPropagation: HostToContainer",
         f"{RECURSIVE} mountPropagation is None or not specified"),
        ("ports: [{}]", "ports.0.containerPort: Required value"),
        ("ports: [{containerPort: 65536}]",
         "ports.0.containerPort: Invalid value: 65536: must be between 1 and 65535, inclusive"),
        ("ports: [{containerPort: 1, hostPort: -1}]",
         "ports.0.hostPort: Invalid value: -1: must be between 1 and 65535, inclusive"),
        ("ports: [{containerPort: 1, protocol: X}]",
         'ports.0.protocol: Unsupported value: "X": supported values: "SCTP", "TCP", "UDP"'),
        ("ports: [{containerPort: 1, name: a}, {containerPort: 2, name: a}]", 'ports.1.name: Duplicate value: "a"'),
        ("env: [{value: a}]", "env.0.name: Required value"),
        ("env: [{name: A, value: a, valueFrom: {secretKeyRef: {name: s, key: k}}}]",
         'env.0.valueFrom: Invalid value: "": may not be specified when `value` is not empty'),
        ("securityContext: {runAsUser: -1}",
         "securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive"),
        ("securityContext: {procMount: X}",
         'securityContext.procMount: Unsupported value: "X": supported values: "Default", "Unmasked"'),
        ("securityContext: {privileged: true, allowPrivilegeEscalation: false}",
         'securityContext: Invalid value: "": cannot set `allowPrivilegeEscalation` to false and `privileged` to true'),
        ("resources: {requests: {cpu: 2}, limits: {cpu: 1}}",
         'resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'),
        ("resources: {requests: {cpu: -1}}",
         'resources.requests.cpu: Invalid value: "-1": must be greater than or equal to 0'),
        ("livenessProbe: {}", "livenessProbe: Required value: must specify a handler type"),
        ("livenessProbe: {exec: {command: [a]}, tcpSocket: {port: 1}}",
         "livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type"),
        ("startupProbe: {exec: {command: [a]}, successThreshold: 2}",
         "startupProbe.successThreshold: Invalid value: 2: must be 1"),
        ("readinessProbe: {exec: {command: [a]}, terminationGracePeriodSeconds: 1}",
         "readinessProbe.terminationGracePeriodSeconds: Invalid value: 1: must not be set for readinessProbes"),
        ("livenessProbe: {exec: {command: [a]}, terminationGracePeriodSeconds: 0}",
         "livenessProbe.terminationGracePeriodSeconds: Invalid value: 0: must be greater than 0"),
        ("livenessProbe: {exec: {command: [a]}, initialDelaySeconds: -1}",
         "livenessProbe.initialDelaySeconds: Invalid value: -1: must be greater than or equal to 0"),
        ("lifecycle: {postStart: {}}", "lifecycle.postStart: Required value: must specify a handler type"),
    ],
)  # fmt: skip
def test_containers(fields: str, error: str) -> None:
    spec = f"{{containers: [{GOOD % fields}], volumes: [{{name: v}}]}}"
    assert errors_of(spec) == [f"spec.containers.0.{error}"]


def test_too_many_restart_rules() -> None:
    rule = "{action: Restart, exitCodes: {operator: In, values: [1]}}"
    fields = f"restartPolicy: Never, restartPolicyRules: [{', '.join([rule] * 21)}]"
    found = errors_of(f"{{containers: [{GOOD % fields}]}}")
    assert found == ["spec.containers.0.restartPolicyRules: Too many: 21: must have at most 20 items"]


def test_image_names_are_not_trimmed() -> None:
    found = errors_of("{containers: [{name: c, image: ' x'}]}")
    assert found == ['spec.containers.0.image: Invalid value: " x": must not have leading or trailing whitespace']


def test_a_long_container_name_has_two_mistakes() -> None:
    found = errors_of(f"{{containers: [{{name: {'A' * 64}, image: x}}]}}")
    assert [error.split(": ")[3][:24] for error in found] == ["must be no more than 63 ", "a lowercase RFC 1123 lab"]


def test_quantities_are_asked_for_before_defaulting() -> None:
    text = """{kind: Pod, spec: {containers: [{resources: {limits: {cpu: 1x}}}], initContainers: [{resources: {requests:
      {memory: 1Gx}}}], ephemeralContainers: [{resources: {requests: {cpu: -1}}}], resources: {limits: {cpu: q}},
      overhead: {cpu: ''}}}"""
    pod = convert(load_document(text, name="p"), Pod)
    assert [error.path for error in quantity_errors(pod)] == [
        ("spec", "containers", 0, "resources", "limits", "cpu"),
        ("spec", "initContainers", 0, "resources", "requests", "memory"),
        ("spec", "ephemeralContainers", 0, "resources", "requests", "cpu"),
        ("spec", "resources", "limits", "cpu"),
        ("spec", "overhead", "cpu"),
    ]
