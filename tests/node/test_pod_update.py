"""What a user may change in a pod that exists."""

import pytest
from msgspec.structs import replace

from kubesim.errors import InputError
from kubesim.model import k8s_v1 as v1
from kubesim.node.pod_update import updated_pod

STORED = v1.Pod(
    metadata=v1.ObjectMeta(name="p", namespace="default", uid="u", generation=1, labels={"a": "1"}),
    spec=v1.PodSpec(
        node_name="n",
        containers=[v1.Container(name="a", image="one")],
        init_containers=[v1.Container(name="i", image="one")],
        tolerations=[v1.Toleration(key="k")],
        termination_grace_period_seconds=-1,
    ),
    status=v1.PodStatus(phase="Running"),
)
APPLIED = replace(
    STORED, metadata=v1.ObjectMeta(name="p", namespace="default"), spec=replace(STORED.spec, node_name="")
)


def test_labels_and_annotations_are_taken_and_the_rest_of_the_metadata_stays() -> None:
    meta = v1.ObjectMeta(name="p", namespace="default", labels={"b": "2"}, annotations={"c": "3"})
    after = updated_pod(STORED, replace(APPLIED, metadata=meta))

    assert (after.metadata.labels, after.metadata.annotations) == ({"b": "2"}, {"c": "3"})
    assert (after.metadata.uid, after.spec, after.status) == ("u", STORED.spec, STORED.status)


@pytest.mark.parametrize(
    "change",
    [
        {"containers": [v1.Container(name="a", image="two")]},
        {"init_containers": [v1.Container(name="i", image="two")]},
        {"active_deadline_seconds": 5},
        {"tolerations": [v1.Toleration(key="k"), v1.Toleration(key="l")]},
        {"termination_grace_period_seconds": 1},
    ],
)
def test_mutable_fields_are_taken(change: dict[str, object]) -> None:
    after = updated_pod(STORED, replace(APPLIED, spec=replace(APPLIED.spec, **change)))

    assert after.spec == replace(STORED.spec, **change)


@pytest.mark.parametrize(
    "change",
    [
        {"hostname": "h"},
        {"containers": [v1.Container(name="a", image="one", command=["x"])]},
        {"containers": []},
        {"tolerations": []},
        {"termination_grace_period_seconds": 2},
        {"node_name": "other"},
    ],
)
def test_anything_else_is_refused_in_the_api_servers_words(change: dict[str, object]) -> None:
    with pytest.raises(InputError, match="pod updates may not change fields other than `spec"):
        updated_pod(STORED, replace(APPLIED, spec=replace(APPLIED.spec, **change)))
