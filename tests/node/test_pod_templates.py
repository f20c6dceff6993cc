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
            "f.yaml:1:51: $.spec.containers[0]: unknown field 'x'",
        ),
        ("{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {}}", "spec.containers"),
    ],
)
def test_mistakes_have_a_place(text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(text)

    assert message in str(caught.value)
