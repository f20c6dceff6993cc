"""Pods out of documents: pods, lists, and the templates of what makes pods."""

from typing import Any

import pytest

from kubesim.errors import InputError
from kubesim.model.validation.options import DEFAULT_STRATEGY
from kubesim.model.yaml_text import load_documents
from kubesim.node.pod_templates import TEMPLATES, pod_of, pods_in

POD = "{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: i}]}}"
TEMPLATE = "{metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}"


def read(text: str) -> tuple[list[tuple[str, str]], list[Any]]:
    (document,) = load_documents(text, name="f.yaml")
    pods, others = pods_in(document, strategy=DEFAULT_STRATEGY)
    return [(one.key, one.where) for one in pods], others


def test_a_pod_is_itself() -> None:
    assert read(POD) == ([("default/p", "f.yaml:1:1")], [])


@pytest.mark.parametrize("kind", sorted(TEMPLATES))
def test_a_template_is_a_pod_with_the_name_of_its_maker(kind: str) -> None:
    spec = f"template: {TEMPLATE}"
    if kind == "CronJob":
        spec = f"jobTemplate: {{spec: {{{spec}}}}}"
    metadata = "{name: web, namespace: shop, labels: {x: y}}"
    text = f"apiVersion: apps/v1\nkind: {kind}\nmetadata: {metadata}\nspec: {{{spec}}}\n"
    (document,) = load_documents(text, name="f.yaml")
    (manifest,), others = pods_in(document, strategy=DEFAULT_STRATEGY)

    pod = pod_of(manifest)
    assert (manifest.key, pod.metadata.labels, others) == ("shop/web", {"a": "b"}, [])
    assert manifest.where.startswith("f.yaml:4:")
    assert pod.spec.containers[0].name == "c"
    assert pod_of(pod) is pod


@pytest.mark.parametrize(
    ("text", "keys", "others"),
    [
        (f"{{apiVersion: v1, kind: PodList, items: [{POD}]}}", ["default/p"], []),
        (
            f"{{apiVersion: v1, kind: List, items: [{{kind: Service}}, {POD}]}}",
            ["default/p"],
            [("items", 0)],
        ),
        (
            f"{{kind: DeploymentList, items: [{{metadata: {{name: d}}, spec: {{template: {TEMPLATE}}}}}]}}",
            ["default/d"],
            [],
        ),
        ("{kind: ConfigMap}", [], [()]),
        ("{kind: List}", [], [()]),
        ("[1, 2]", [], [()]),
        ("just text", [], [()]),
    ],
)
def test_lists_and_other_kinds(text: str, keys: list[str], others: list[Any]) -> None:
    found, left = read(text)

    assert ([key for key, _ in found], left) == (keys, others)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{kind: Deployment, metadata: {name: d}, spec: {}}", "f.yaml:1:47: a Deployment without a template; expected"),
        (
            "{kind: Job, metadata: {name: d}, spec: {template: {spec: {containers: [{name: c, image: i, x: 1}]}}}}",
            "f.yaml:1:92: $.spec.template.spec.containers[0]: unknown field 'x'",
        ),
        ("{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {}}", "spec.containers"),
    ],
)
def test_mistakes_have_a_place(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(text)

    assert message in str(caught.value)


BROKEN = {
    "Deployment": """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    metadata:
      labels: {"a b": c}
    spec:
      containers:
      - name: A
        ports: [{}]
""",
    "CronJob": """\
apiVersion: batch/v1
kind: CronJob
metadata: {name: web}
spec: {jobTemplate: {spec: {template: {
    metadata: {
      labels: {"a b": c}},
    spec: {
      containers: [
      { name: A,
        ports: [{}]}]}}}}}
""",
}


@pytest.mark.parametrize(
    ("kind", "lines", "base"),
    [("Deployment", (7, 10, 10, 11), "spec.template"), ("CronJob", (6, 9, 9, 10), "spec.jobTemplate.spec.template")],
)
def test_mistakes_of_a_template_have_its_lines_and_the_makers_paths(
    kind: str, lines: tuple[int, ...], base: str
) -> None:
    with pytest.raises(InputError) as caught:
        read(BROKEN[kind])
    found = [line.split(": ")[:2] for line in str(caught.value).splitlines()]

    assert [int(where.split(":")[1]) for where, _ in found] == list(lines)
    assert [path for _, path in found] == [
        f"{base}.metadata.labels",
        f"{base}.spec.containers[0].name",
        f"{base}.spec.containers[0].image",
        f"{base}.spec.containers[0].ports[0].containerPort",
    ]
