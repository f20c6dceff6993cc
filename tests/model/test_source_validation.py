"""What may be asked of ConfigMaps, Secrets and the pod itself, in the API server's words."""

import pytest

from kubesim.model.convert import convert
from kubesim.model.k8s_v1 import Pod
from kubesim.model.pod_defaults import default_pod
from kubesim.model.pod_validation import pod_errors
from kubesim.model.yaml_text import load_document

RELAXED = "a valid environment variable name must consist only of printable ASCII characters other than '='"
MODE = "must be a number between 0 and 0777 (octal), both inclusive"
SOURCES = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"
FILE_FIELDS = '"metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"'
RESOURCES = (
    '"limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", '
    '"requests.memory"'
)
BYTES = "only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the"
KEY = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or "
    "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)


def errors_of(container: str, volume: str = "emptyDir: {}") -> list[str]:
    """Refusals; paths are those within the container or the volume."""
    spec = f"containers: [{{name: c, image: x, {container}}}], volumes: [{{name: v, {volume}}}]"
    document = load_document(f"{{kind: Pod, metadata: {{name: a}}, spec: {{{spec}}}}}", name="p")
    pod = default_pod(convert(document, Pod))
    found = [f"{'.'.join(map(str, error.path))}: {error.body}" for error in pod_errors(pod)]
    return [one.removeprefix("spec.containers.0.").removeprefix("spec.volumes.0.") for one in found]


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("{fieldRef: {fieldPath: 'metadata.labels[''a'']'}}", []),
        ("{fieldRef: {fieldPath: status.podIPs}}", []),
        ("{resourceFieldRef: {resource: limits.cpu, divisor: 1000m}}", []),
        ("{resourceFieldRef: {resource: limits.hugepages-2Mi, divisor: 1Mi}}", []),
        ("{configMapKeyRef: {name: c, key: k}}", []),
        ("{}", [f': Invalid value: "": {SOURCES}']),
        (
            "{secretKeyRef: {name: s, key: k}, configMapKeyRef: {name: c, key: k}}",
            [': Invalid value: "": may not have more than one field specified at a time'],
        ),
        ("{secretKeyRef: {name: s}}", [".secretKeyRef.key: Required value"]),
        ("{secretKeyRef: {name: s, key: a b}}", [f'.secretKeyRef.key: Invalid value: "a b": {KEY}']),
        ("{configMapKeyRef: {name: C, key: k}}", [f'.configMapKeyRef.name: Invalid value: "C": {SUBDOMAIN}']),
        ("{fieldRef: {}}", [".fieldRef.fieldPath: Required value"]),
        (
            "{fieldRef: {fieldPath: spec.x}}",
            [
                (
                    '.fieldRef.fieldPath: Invalid value: "spec.x": error converting fieldPath: field label not '
                    "supported: spec.x"
                )
            ],
        ),
        (
            "{fieldRef: {fieldPath: 'metadata.name[''a'']'}}",
            [
                (
                    ".fieldRef.fieldPath: Invalid value: \"metadata.name['a']\": error converting fieldPath: field "
                    "label does not support subscript: metadata.name['a']"
                )
            ],
        ),
        (
            "{fieldRef: {fieldPath: metadata.name, apiVersion: v2}}",
            [
                (
                    '.fieldRef.fieldPath: Invalid value: "metadata.name": error converting fieldPath: unsupported pod '
                    "version: v2"
                )
            ],
        ),
        (
            "{fieldRef: {fieldPath: metadata.labels}}",
            [
                (
                    '.fieldRef.fieldPath: Unsupported value: "metadata.labels": supported values: "metadata.name", '
                    '"metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", '
                    '"status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"'
                )
            ],
        ),
        ("{resourceFieldRef: {}}", [".resourceFieldRef.resource: Required value"]),
        (
            "{resourceFieldRef: {resource: limits.x, divisor: 7}}",
            [f'.resourceFieldRef.resource: Unsupported value: "limits.x": supported values: {RESOURCES}'],
        ),
        (
            "{resourceFieldRef: {resource: limits.cpu, divisor: 2}}",
            [
                (
                    '.resourceFieldRef.divisor: Invalid value: "limits.cpu": only divisor\'s values 1m and 1 '
                    "are supported with the cpu resource"
                )
            ],
        ),
        (
            "{resourceFieldRef: {resource: requests.memory, divisor: 2}}",
            [f'.resourceFieldRef.divisor: Invalid value: "requests.memory": {BYTES} memory resource'],
        ),
        (
            "{resourceFieldRef: {resource: requests.ephemeral-storage, divisor: 1m}}",
            [
                (
                    '.resourceFieldRef.divisor: Invalid value: "requests.ephemeral-storage": '
                    f"{BYTES} local ephemeral storage resource"
                )
            ],
        ),
        (
            "{resourceFieldRef: {resource: limits.hugepages-2Mi, divisor: 3}}",
            [f'.resourceFieldRef.divisor: Invalid value: "limits.hugepages-2Mi": {BYTES} hugepages resource'],
        ),
    ],
)
def test_sources_of_a_variable(source: str, wanted: list[str]) -> None:
    found = errors_of(f"env: [{{name: A, valueFrom: {source}}}]")
    assert [one.removeprefix("env.0.valueFrom") for one in found] == wanted


def test_a_divisor_that_is_no_quantity() -> None:
    (found,) = errors_of("env: [{name: A, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: 1x}}}]")
    assert found.startswith('env.0.valueFrom.resourceFieldRef.divisor: Invalid value: "1x": ')


@pytest.mark.parametrize(
    ("env", "wanted"),
    [
        ("env: [{name: a b~!}]", []),
        ("env: [{name: ''}]", ["env.0.name: Required value"]),
        ("env: [{name: a=b}]", [f'env.0.name: Invalid value: "a=b": {RELAXED}']),
        ("env: [{name: ä}]", [f'env.0.name: Invalid value: "ä": {RELAXED}']),
        ("envFrom: [{prefix: P_, secretRef: {name: s}}]", []),
        ("envFrom: [{prefix: '=', secretRef: {name: s}}]", [f'envFrom.0.prefix: Invalid value: "=": {RELAXED}']),
        ("envFrom: [{secretRef: {}}]", ["envFrom.0.secretRef.name: Required value"]),
        ("envFrom: [{configMapRef: {name: C}}]", [f'envFrom.0.configMapRef.name: Invalid value: "C": {SUBDOMAIN}']),
        ("envFrom: [{}]", ['envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`']),
        (
            "envFrom: [{secretRef: {name: s}, configMapRef: {name: c}}]",
            ['envFrom: Invalid value: "": may not have more than one field specified at a time'],
        ),
        (
            "env: [{name: A, value: x, valueFrom: {secretKeyRef: {name: s, key: k}}}]",
            ['env.0.valueFrom: Invalid value: "": may not be specified when `value` is not empty'],
        ),
    ],
)
def test_variables(env: str, wanted: list[str]) -> None:
    assert errors_of(env) == wanted


@pytest.mark.parametrize(
    ("volume", "wanted"),
    [
        ("configMap: {name: c, defaultMode: 0o777, items: [{key: k, path: a/b, mode: 0}]}", []),
        ("configMap: {}", ["configMap.name: Required value"]),
        ("secret: {}", ["secret.secretName: Required value"]),
        (
            "secret: {secretName: s, defaultMode: 512, items: [{mode: -1}]}",
            [
                f"secret.defaultMode: Invalid value: 512: {MODE}",
                "secret.items.0.key: Required value",
                "secret.items.0.path: Required value",
                f"secret.items.0.mode: Invalid value: -1: {MODE}",
            ],
        ),
        (
            "configMap: {name: c, items: [{key: k, path: /a}, {key: k, path: ../a}, {key: k, path: ..a}]}",
            [
                'configMap.items.0.path: Invalid value: "/a": must be a relative path',
                "configMap.items.1.path: Invalid value: \"../a\": must not contain '..'",
                "configMap.items.2.path: Invalid value: \"..a\": must not start with '..'",
            ],
        ),
        (
            "downwardAPI: {items: [{}]}",
            [
                "downwardAPI.path: Required value",
                "downwardAPI: Required value: one of fieldRef and resourceFieldRef is required",
            ],
        ),
        (
            "downwardAPI: {items: [{path: a, fieldRef: {fieldPath: status.podIP}}]}",
            [f'downwardAPI.fieldRef.fieldPath: Unsupported value: "status.podIP": supported values: {FILE_FIELDS}'],
        ),
        (
            "downwardAPI: {items: [{path: a, resourceFieldRef: {resource: limits.cpu}}]}",
            ["downwardAPI.resourceFieldRef.containerName: Required value"],
        ),
        (
            "downwardAPI: {items: [{path: a, fieldRef: {fieldPath: metadata.uid}, resourceFieldRef: {resource: x}}]}",
            [
                (
                    'downwardAPI: Invalid value: "resource": fieldRef and resourceFieldRef can not be specified '
                    "simultaneously"
                )
            ],
        ),
        (
            (
                "projected: {sources: [{secret: {name: s, items: [{key: k, path: a}]}}, "
                "{configMap: {name: c, items: [{key: k, path: a}]}}, "
                "{downwardAPI: {items: [{path: a, fieldRef: {fieldPath: metadata.name}}]}}]}"
            ),
            [
                'projected: Invalid value: "c": conflicting duplicate paths',
                'projected: Invalid value: "a": conflicting duplicate paths',
            ],
        ),
        (
            "projected: {sources: [{secret: {}, configMap: {name: c}}]}",
            [
                "projected.sources.0.secret.name: Required value",
                "projected.sources.0: Forbidden: may not specify more than 1 volume type per source",
            ],
        ),
    ],
)
def test_volumes(volume: str, wanted: list[str]) -> None:
    assert errors_of("workingDir: /", volume) == wanted
