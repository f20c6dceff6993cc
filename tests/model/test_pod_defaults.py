"""What the API server fills in."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kubesim.errors import InputError
from kubesim.model.convert import convert
from kubesim.model.image_name import ImageName, default_pull_policy, parse_image_name
from kubesim.model.k8s_v1 import Pod
from kubesim.model.pod_defaults import admit_priority, default_pod
from kubesim.model.pod_resources import aggregate_requests
from kubesim.model.yaml_text import Document, load_document

DIGEST = "sha256:" + "0" * 64


def pod_of(spec: str) -> Pod:
    text = f"{{apiVersion: v1, kind: Pod, metadata: {{name: a}}, spec: {spec}}}"
    return convert(load_document(text, name="pod.yaml"), Pod)


def spec_of(spec: str) -> Any:
    return msgspec.to_builtins(default_pod(pod_of(spec)))["spec"]


def test_the_smallest_pod() -> None:
    pod = msgspec.to_builtins(default_pod(pod_of("{containers: [{name: c, image: busybox}]}")))
    assert pod == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a", "namespace": "default"},
        "spec": {
            "containers": [
                {
                    "name": "c",
                    "image": "busybox",
                    "imagePullPolicy": "Always",
                    "resources": {},
                    "terminationMessagePath": "/dev/termination-log",
                    "terminationMessagePolicy": "File",
                }
            ],
            "dnsPolicy": "ClusterFirst",
            "enableServiceLinks": True,
            "restartPolicy": "Always",
            "schedulerName": "default-scheduler",
            "securityContext": {},
            "terminationGracePeriodSeconds": 30,
        },
        "status": {},
    }


def test_defaulting_twice_changes_nothing() -> None:
    text = """{hostNetwork: true, serviceAccount: sa, containers: [{name: c, image: "a:1", ports: [{containerPort: 80}],
      livenessProbe: {httpGet: {port: 80}}, resources: {limits: {cpu: 0.5}}}], volumes: [{name: v}]}"""
    once = default_pod(pod_of(text))
    assert default_pod(once) == once


def test_what_is_set_stays() -> None:
    text = """{restartPolicy: Never, dnsPolicy: Default, terminationGracePeriodSeconds: 0, enableServiceLinks: false,
      schedulerName: mine, securityContext: {runAsUser: 0}, containers: [{name: c, image: "a:latest",
      imagePullPolicy: Never, terminationMessagePath: /x, terminationMessagePolicy: FallbackToLogsOnError}]}"""
    found = spec_of(text)
    assert (found["restartPolicy"], found["dnsPolicy"], found["schedulerName"]) == ("Never", "Default", "mine")
    assert (found["terminationGracePeriodSeconds"], found["enableServiceLinks"]) == (0, False)
    assert found["securityContext"] == {"runAsUser": 0}
    container = found["containers"][0]
    assert container["imagePullPolicy"] == "Never"
    assert (container["terminationMessagePath"], container["terminationMessagePolicy"]) == (
        "/x",
        "FallbackToLogsOnError",
    )


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("busybox", "Always"),
        ("busybox:latest", "Always"),
        ("localhost:5000/a/b", "Always"),
        ("busybox:1.36", "IfNotPresent"),
        (f"busybox@{DIGEST}", "IfNotPresent"),
        (f"busybox:1@{DIGEST}", "IfNotPresent"),
        (f"busybox:latest@{DIGEST}", "Always"),
        ("Busybox", "IfNotPresent"),
        ("a b", "IfNotPresent"),
        ("", "IfNotPresent"),
        ("0" * 64, "IfNotPresent"),
    ],
)
def test_pull_policy(image: str, policy: str) -> None:
    assert default_pull_policy(image) == policy
    found = spec_of(f"{{containers: [], volumes: [{{name: v, image: {{reference: '{image}'}}}}]}}")
    assert found["volumes"][0]["image"].get("pullPolicy") == policy


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a", ImageName(repository="a")),
        ("my.host:5/a__b/c-d:T1", ImageName(repository="my.host:5/a__b/c-d", tag="T1")),
        (f"a@{DIGEST}", ImageName(repository="a", digest=DIGEST)),
        ("Host/a", ImageName(repository="Host/a")),
        ("a/B", None),
        ("a:", None),
        ("a:x:y", None),
        ("a@sha256:12", None),
        ("-a", None),
    ],
)
def test_image_names(text: str, name: ImageName | None) -> None:
    assert parse_image_name(text) == name


def test_containers_of_every_list() -> None:
    found = spec_of("""{hostNetwork: true, containers: [{name: c, image: "a:1", ports: [{containerPort: 80},
      {containerPort: 81, hostPort: 8081, protocol: UDP}]}], initContainers: [{name: i, image: b}],
      ephemeralContainers: [{name: e, image: c, ports: [{containerPort: 9}]}]}""")
    assert found["containers"][0]["ports"] == [
        {"containerPort": 80, "hostPort": 80, "protocol": "TCP"},
        {"containerPort": 81, "hostPort": 8081, "protocol": "UDP"},
    ]
    assert found["initContainers"][0]["imagePullPolicy"] == "Always"
    assert found["ephemeralContainers"][0]["terminationMessagePolicy"] == "File"
    assert found["ephemeralContainers"][0]["ports"] == [{"containerPort": 9, "protocol": "TCP"}]


def test_probes_and_hooks() -> None:
    found = spec_of("""{containers: [{name: c, image: "a:1", livenessProbe: {httpGet: {port: web}},
      readinessProbe: {grpc: {port: 1}, periodSeconds: 2, failureThreshold: 1}, startupProbe: {exec: {command: [x]}},
      lifecycle: {preStop: {httpGet: {port: 1, path: /bye, scheme: HTTPS}}, postStart: {sleep: {seconds: 0}}}}]}""")
    container = found["containers"][0]
    times = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
    assert container["livenessProbe"] == {**times, "httpGet": {"port": "web", "path": "/", "scheme": "HTTP"}}
    assert container["readinessProbe"] == {
        **times,
        "periodSeconds": 2,
        "failureThreshold": 1,
        "grpc": {"port": 1, "service": ""},
    }
    assert container["startupProbe"] == {**times, "exec": {"command": ["x"]}}
    assert container["lifecycle"] == {
        "preStop": {"httpGet": {"port": 1, "path": "/bye", "scheme": "HTTPS"}},
        "postStart": {"sleep": {"seconds": 0}},
    }


def test_volumes_and_fields() -> None:
    found = spec_of("""{containers: [{name: c, image: "a:1", env: [{name: A, valueFrom: {fieldRef: {fieldPath: x}}},
      {name: B, value: b}]}], volumes: [{name: empty}, {name: s, secret: {secretName: s}},
      {name: m, configMap: {name: m, defaultMode: 256}}, {name: h, hostPath: {path: /}},
      {name: d, downwardAPI: {items: [{path: p, fieldRef: {fieldPath: z}}]}},
      {name: p, projected: {sources: [{serviceAccountToken: {path: t}}, {secret: {name: z}},
        {downwardAPI: {items: [{path: q, resourceFieldRef: {resource: limits.cpu}}]}}]}}]}""")
    assert found["containers"][0]["env"] == [
        {"name": "A", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "x"}}},
        {"name": "B", "value": "b"},
    ]
    assert found["volumes"] == [
        {"name": "empty", "emptyDir": {}},
        {"name": "s", "secret": {"secretName": "s", "defaultMode": 420}},
        {"name": "m", "configMap": {"name": "m", "defaultMode": 256}},
        {"name": "h", "hostPath": {"path": "/", "type": ""}},
        {
            "name": "d",
            "downwardAPI": {
                "defaultMode": 420,
                "items": [{"path": "p", "fieldRef": {"apiVersion": "v1", "fieldPath": "z"}}],
            },
        },
        {
            "name": "p",
            "projected": {
                "defaultMode": 420,
                "sources": [
                    {"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}},
                    {"secret": {"name": "z"}},
                    {
                        "downwardAPI": {
                            "items": [{"path": "q", "resourceFieldRef": {"resource": "limits.cpu", "divisor": "0"}}]
                        }
                    },
                ],
            },
        },
    ]


def test_resources_become_canonical_and_requests_follow_limits() -> None:
    found = spec_of("""{containers: [{name: c, image: "a:1", resources: {limits: {cpu: 0.5, memory: 1024Mi},
      requests: {cpu: 1n}}}], overhead: {cpu: 1500m}}""")
    assert found["containers"][0]["resources"] == {
        "limits": {"cpu": "500m", "memory": "1Gi"},
        "requests": {"cpu": "1m", "memory": "1Gi"},
    }
    assert found["overhead"] == {"cpu": "1500m"}


def test_pod_level_requests() -> None:
    found = spec_of("""{resources: {limits: {cpu: 2, memory: 1Gi, hugepages-2Mi: 4Mi}}, containers: [
      {name: a, image: "a:1", resources: {requests: {cpu: 100m}}}, {name: b, image: "a:1",
      resources: {requests: {cpu: 0.3}}}]}""")
    assert found["resources"]["requests"] == {"cpu": "400m", "memory": "1Gi", "hugepages-2Mi": "4Mi"}
    untouched = spec_of("{resources: {requests: {cpu: 1}}, containers: []}")
    assert untouched["resources"] == {"requests": {"cpu": "1"}}


def test_aggregated_requests_follow_the_order_of_starting() -> None:
    pod = pod_of("""{containers: [{name: a, resources: {requests: {cpu: 1, memory: 1Mi}}}], initContainers: [
      {name: i, resources: {requests: {cpu: 3}}}, {name: s, restartPolicy: Always, resources: {requests: {cpu: 500m}}},
      {name: j, resources: {requests: {cpu: 2800m, memory: 2Mi}}}]}""")
    found = {name: str(amount) for name, amount in aggregate_requests(pod.spec).items()}
    assert found == {"cpu": "3300m", "memory": "2Mi"}
    small = pod_of("""{containers: [{name: a, resources: {requests: {cpu: 1}}}, {name: b, resources: {requests:
      {cpu: 2}}}], initContainers: [{name: i, resources: {requests: {cpu: 1}}}, {name: s, restartPolicy: Always,
      resources: {requests: {cpu: 1}}}]}""")
    assert str(aggregate_requests(small.spec)["cpu"]) == "4"


def test_a_quantity_that_is_none_is_refused() -> None:
    pod = pod_of("{containers: [{name: c, resources: {limits: {cpu: 10x}}}]}")
    with pytest.raises(InputError, match="quantities must match the regular expression"):
        default_pod(pod)


def test_service_account_has_two_names() -> None:
    for key in ("serviceAccount", "serviceAccountName"):
        found = spec_of(f"{{{key}: sa, containers: []}}")
        assert (found["serviceAccount"], found["serviceAccountName"]) == ("sa", "sa")


@pytest.mark.parametrize(
    ("spec", "classes", "priority"),
    [
        ("{containers: []}", None, 0),
        ("{containers: [], priority: 7}", None, 7),
        ("{containers: [], priorityClassName: system-node-critical}", None, 2_000_001_000),
        ("{containers: [], priorityClassName: system-cluster-critical}", None, 2_000_000_000),
        ("{containers: [], priorityClassName: mine}", {"mine": 5}, 5),
    ],
)
def test_priority_admission(spec: str, classes: dict[str, int] | None, priority: int) -> None:
    admitted = admit_priority(pod_of(spec), classes).spec
    assert (admitted.priority, admitted.preemption_policy) == (priority, "PreemptLowerPriority")


def test_an_unknown_priority_class_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        admit_priority(pod_of("{containers: [], priorityClassName: mine}"))
    known = "known: system-cluster-critical, system-node-critical"
    assert str(caught.value) == f"pod a: no PriorityClass with name mine was found; {known}"


def test_a_dict_works_as_well_as_text() -> None:
    value = {"kind": "Pod", "metadata": {"name": "a", "namespace": "x"}, "spec": {"containers": []}}
    assert default_pod(convert(Document(value=value, name="<dict>"), Pod)).metadata.namespace == "x"
