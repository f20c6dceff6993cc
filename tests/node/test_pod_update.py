"""What a user may change in a pod that exists."""

import textwrap
from pathlib import Path

import pytest
from msgspec.structs import replace

import kubesim
from kubesim.errors import InputError
from kubesim.model import k8s_v1 as v1
from kubesim.node.pod_update import merged_pod

STORED = v1.Pod(
    metadata=v1.ObjectMeta(name="p", namespace="default", uid="u", generation=1, labels={"a": "1"}),
    spec=v1.PodSpec(
        node_name="n",
        priority=5,
        containers=[v1.Container(name="a", image="one", image_pull_policy="Always")],
        init_containers=[v1.Container(name="i", image="one:1", image_pull_policy="Always")],
        ephemeral_containers=[v1.EphemeralContainer(name="e", image="x")],
    ),
    status=v1.PodStatus(phase="Running"),
)
APPLIED = v1.Pod(
    metadata=v1.ObjectMeta(name="p", namespace="default", labels={"b": "2"}, annotations={"c": "3"}),
    spec=replace(STORED.spec, node_name="", priority=None, ephemeral_containers=[]),
)


def test_labels_and_annotations_are_taken_and_what_others_wrote_stays() -> None:
    after = merged_pod(STORED, APPLIED)

    assert (after.metadata.labels, after.metadata.annotations) == ({"b": "2"}, {"c": "3"})
    assert (after.metadata.uid, after.spec, after.status) == ("u", STORED.spec, STORED.status)


@pytest.mark.parametrize(
    ("image", "policy", "kept"),
    [("two:1", "IfNotPresent", "Always"), ("two:1", "Never", "Never"), ("two", "Always", "Always")],
)
def test_a_pull_policy_that_nobody_wrote_stays(image: str, policy: str, kept: str) -> None:
    containers = [v1.Container(name="a", image=image, image_pull_policy=policy)]
    after = merged_pod(STORED, replace(APPLIED, spec=replace(APPLIED.spec, containers=containers)))

    assert after.spec.containers == [v1.Container(name="a", image=image, image_pull_policy=kept)]


def test_a_pull_policy_that_somebody_wrote_is_no_default() -> None:
    """The image of the init container has a tag, so that its policy Always was written."""
    init = [v1.Container(name="i", image="two:2", image_pull_policy="IfNotPresent")]
    after = merged_pod(STORED, replace(APPLIED, spec=replace(APPLIED.spec, init_containers=init)))

    assert after.spec.init_containers == init
    assert merged_pod(STORED, replace(APPLIED, spec=v1.PodSpec())).spec.containers == []


POD = """\
apiVersion: v1
kind: Pod
metadata: {name: p, labels: {%s}}
spec:
  containers:
  - name: a
    image: %s
    command: [%s]
"""
DATA = """\
---
apiVersion: v1
kind: %s
metadata: {name: m}
%s
"""


def test_every_refusal_of_a_source_has_its_line_and_nothing_is_changed(tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(
        POD % ("", "x:1", "sleep")
        + DATA % ("ConfigMap", "immutable: true\ndata: {a: b}")
        + DATA % ("Secret", "type: example.com/a")
    )
    changed = tmp_path / "changed.yaml"
    changed.write_text(
        POD % ("b: c", "x:2", "wait") + DATA % ("ConfigMap", "data: {a: c}") + DATA % ("Secret", "type: example.com/b")
    )
    with kubesim.Node() as node:
        node.apply(file)
        before = node.pod("default/p")
        with pytest.raises(InputError) as caught:
            node.apply(changed)
        assert node.pod("default/p")["metadata"] == before["metadata"]
    text = str(caught.value)
    first, diff, rest = text.partition("\n@@ -6,7 +6,7 @@\n")

    assert first.startswith(f"{changed}:5:3: spec: Forbidden: pod updates may not change fields other than `spec.cont")
    assert diff, first
    assert '-    "sleep"\n+    "wait"\n' in rest
    assert rest.splitlines()[-3:] == [
        f"{changed}:10:1: immutable: Forbidden: field is immutable when `immutable` is set",
        f"{changed}:13:7: data: Forbidden: field is immutable when `immutable` is set",
        f'{changed}:18:7: type: Invalid value: "example.com/b": field is immutable',
    ]


def test_what_may_change_is_changed() -> None:
    more = "  activeDeadlineSeconds: 60\n  tolerations: [{key: k, operator: Exists}]\n"
    with kubesim.Node() as node:
        node.apply(POD % ("", "x", "sleep"))
        node.apply(POD % ("b: c", "x:2", "sleep") + more)
        pod = node.pod("default/p")

    assert (pod["metadata"]["labels"], pod["metadata"]["generation"]) == ({"b": "c"}, 2)
    assert (pod["spec"]["containers"][0]["image"], pod["spec"]["activeDeadlineSeconds"]) == ("x:2", 60)


def test_what_is_wrong_with_a_change_is_said_once() -> None:
    with kubesim.Node() as node:
        node.apply(POD % ("", "x", "sleep"))
        with pytest.raises(InputError) as caught:
            node.apply(textwrap.dedent(POD % ("", '" y"', "sleep")))

    assert str(caught.value).count("must not have leading or trailing whitespace") == 1
