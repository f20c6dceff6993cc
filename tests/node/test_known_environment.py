"""The environment of a container as far as its manifest says it."""

import pytest

from kubesim.errors import InputError
from kubesim.model import k8s_v1 as v1
from kubesim.node.known_environment import known_environment, references_of


def field(name: str, path: str) -> v1.EnvVar:
    return v1.EnvVar(name=name, value_from=v1.EnvVarSource(field_ref=v1.ObjectFieldSelector(field_path=path)))


def pod(*env: v1.EnvVar, **container: object) -> v1.Pod:
    return v1.Pod(
        metadata=v1.ObjectMeta(name="p", namespace="n", labels={"a": "b"}, annotations={"c": "d"}),
        spec=v1.PodSpec(containers=[v1.Container(name="c", image="i", env=[*env], **container)]),  # type: ignore[arg-type]
    )


def test_what_the_manifest_says() -> None:
    one = pod(
        v1.EnvVar(name="A", value="1"),
        v1.EnvVar(name="B", value="$(A)/$(NO)"),
        field("NAME", "metadata.name"),
        field("SPACE", "metadata.namespace"),
        field("LABEL", "metadata.labels['a']"),
        field("NONE", "metadata.labels['x']"),
        field("ANNOTATION", "metadata.annotations['c']"),
        field("IP", "status.podIP"),
        field("UID", "metadata.uid"),
        v1.EnvVar(name="C", value="$(IP):80"),
        v1.EnvVar(name="SECRET", value_from=v1.EnvVarSource(secret_key_ref=v1.SecretKeySelector(name="s", key="k"))),
    )
    known = known_environment(one, one.spec.containers[0])

    assert known.values == {
        "A": "1",
        "B": "1/$(NO)",
        "NAME": "p",
        "SPACE": "n",
        "LABEL": "b",
        "NONE": "",
        "ANNOTATION": "d",
    }
    assert known.unknown == {"IP", "UID", "C", "SECRET"}


def test_a_later_variable_of_the_same_name_wins() -> None:
    one = pod(v1.EnvVar(name="A", value="1"), field("A", "status.podIP"), field("B", "status.podIP"))
    other = pod(field("A", "status.podIP"), v1.EnvVar(name="A", value="2"))

    assert known_environment(one, one.spec.containers[0]).unknown == {"A", "B"}
    assert known_environment(other, other.spec.containers[0]).values == {"A": "2"}


def test_what_is_not_at_hand_is_named() -> None:
    one = pod(field("IP", "status.podIP"))
    known = known_environment(one, one.spec.containers[0])

    known.check("$(OTHER)/x")
    with pytest.raises(InputError, match="the value of the variable 'IP' is not at hand; write its value"):
        known.check("a/$(IP)")


def test_a_config_map_may_bring_any_variable() -> None:
    one = pod(v1.EnvVar(name="A", value="1"), env_from=[v1.EnvFromSource()])
    known = known_environment(one, one.spec.containers[0])

    known.check("$(A)")
    with pytest.raises(InputError, match="'OTHER'"):
        known.check("$(OTHER)")


def test_references() -> None:
    assert references_of("$(A)/$$(B)/$(C") == ("A",)
