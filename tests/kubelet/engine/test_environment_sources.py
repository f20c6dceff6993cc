"""Variables from ConfigMaps, Secrets and resources: what a missing one says, and that it helps when it comes."""

import base64
from typing import Any

import pytest

from kubesim.model.quantity import whole_units


def config_map(name: str = "c", **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def secret(name: str = "s", **data: bytes) -> dict[str, Any]:
    texts = {key: base64.b64encode(value).decode() for key, value in data.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": texts}


def entry(variable: str, kind: str, name: str, key: str, **more: Any) -> dict[str, Any]:
    return {"name": variable, "valueFrom": {f"{kind}KeyRef": {"name": name, "key": key, **more}}}


def environment(story: Any) -> dict[str, bytes]:
    """What the last created container was given."""
    created = [one.request for one in story.node.journal if one.method == "CreateContainer"]
    return {one.key: one.value for one in created[-1].config.envs}


def test_every_source_in_its_order(story: Any, c: Any) -> None:
    story.node.apply(config_map(a="map", b="map", url="http://x"))
    story.node.apply(secret(b=b"secret", raw=b"\xff\n"))
    story.pod(
        c(
            "a",
            envFrom=[
                {"configMapRef": {"name": "c"}},
                {"prefix": "S_", "secretRef": {"name": "s"}},
                {"secretRef": {"name": "s"}},
                {"secretRef": {"name": "none", "optional": True}},
            ],
            env=[
                {"name": "FULL", "value": "$(url)/$(b)/$(LATE)"},
                entry("a", "configMap", "c", "url"),
                entry("LATE", "secret", "s", "b"),
                entry("NONE", "secret", "s", "none", optional=True),
                entry("NOWHERE", "configMap", "none", "k", optional=True),
                {"name": "USED", "value": "$(LATE) $(NONE)"},
            ],
        )
    )
    story.run("5s")
    assert story.is_running("a")
    assert environment(story) == {
        "a": b"http://x",
        "b": b"secret",
        "url": b"http://x",
        "raw": b"\xff\n",
        "S_b": b"secret",
        "S_raw": b"\xff\n",
        "FULL": b"http://x/secret/$(LATE)",
        "LATE": b"secret",
        "USED": b"secret $(NONE)",
    }


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ({"envFrom": [{"configMapRef": {"name": "x"}}]}, 'configmap "x" not found'),
        ({"envFrom": [{"secretRef": {"name": "x"}}]}, 'secret "x" not found'),
        ({"env": [entry("A", "configMap", "x", "k")]}, 'configmap "x" not found'),
        ({"env": [entry("A", "secret", "x", "k")]}, 'secret "x" not found'),
        ({"env": [entry("A", "configMap", "c", "k")]}, "couldn't find key k in ConfigMap default/c"),
        ({"env": [entry("A", "secret", "s", "k")]}, "couldn't find key k in Secret default/s"),
    ],
)
def test_what_is_missing(story: Any, c: Any, what: dict[str, Any], text: str) -> None:
    story.node.apply(config_map())
    story.node.apply(secret())
    story.pod(c("a", **what))
    story.run("2s")
    assert story.waiting() == f"CreateContainerConfigError: {text}"
    assert f"Warning Failed a (x2): Error: {text}" in story.events().splitlines()
    for one in (config_map("x", k="1"), secret("x", k=b"1"), config_map(k="1"), secret(k=b"1")):
        story.node.apply(one)
    story.until(lambda: story.is_running("a"), at_most="30s")


def test_the_tries_of_a_container_without_its_config_map(story: Any, c: Any) -> None:
    story.pod(c("a", env=[entry("A", "configMap", "c", "k")]))
    story.run("20s")
    story.node.apply(config_map(k="1"))
    story.run("20s")
    story.check(
        story.versions(),
        """
        0.000s phase=Pending
        0.000s phase=Pending a: waiting ContainerCreating
        0.900s phase=Pending a: waiting CreateContainerConfigError
        27.958s phase=Running a: running ready
        """,
    )


def test_names_that_an_old_kubelet_leaves_out(new_story: Any, c: Any) -> None:
    names = {"1st": "1", "good": "2"}
    sources = {"envFrom": [{"configMapRef": {"name": "c"}}]}
    old, new = new_story(kubelet_version="1.29"), new_story(kubelet_version="1.30")
    for story in (old, new):
        story.node.apply(config_map(**names))
        story.pod(c("a", **sources))
        story.run("5s")
    assert environment(old) == {"good": b"2"}
    assert environment(new) == {"1st": b"1", "good": b"2"}
    text = (
        "Warning InvalidEnvironmentVariableNames: Keys [1st] from the EnvFrom configMap default/c were skipped since "
        "they are considered invalid environment variable names."
    )
    assert text in old.events().splitlines()
    assert "InvalidEnvironmentVariableNames" not in new.events()


def resource(name: str, path: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"resourceFieldRef": {"resource": path, **more}}}


def test_resources(story: Any, c: Any) -> None:
    limits = {"limits": {"cpu": "1500m"}, "requests": {"cpu": "250m", "memory": "10Mi"}}
    variables = [
        resource("CPU", "limits.cpu"),
        resource("MILLI", "requests.cpu", divisor="1m"),
        resource("MI", "requests.memory", divisor="1Mi"),
        resource("NODE", "limits.memory", divisor="1"),
        resource("INIT", "limits.memory", containerName="i"),
    ]
    story.pod(c("a", env=variables, resources=limits), initContainers=[c("i", "true")])
    story.until(lambda: story.is_running("a"))
    allocatable = story.node.status()["status"]["allocatable"]["memory"]
    found = environment(story)
    assert int(found.pop("NODE")) == whole_units(allocatable)
    assert found == {"CPU": b"2", "MILLI": b"250", "MI": b"10", "INIT": b"0"}


def test_limits_of_the_pod_stand_in_for_those_of_its_containers(story: Any, c: Any) -> None:
    level = {"limits": {"cpu": "3", "memory": "1Gi"}}
    story.pod(c("a", env=[resource("CPU", "limits.cpu"), resource("M", "limits.memory")]), resources=level)
    story.until(lambda: story.is_running("a"))
    assert environment(story) == {"CPU": b"3", "M": b"1073741824"}


def test_a_container_that_is_not_there(story: Any, c: Any) -> None:
    story.pod(c("a", env=[resource("X", "limits.cpu", containerName="ghost")]))
    story.run("2s")
    assert story.waiting() == "CreateContainerConfigError: container ghost not found"
