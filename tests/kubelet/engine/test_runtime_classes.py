"""Pods that ask for a handler of the runtime by a RuntimeClass."""

from typing import Any

import pytest

from kubesim.errors import InputError


def runtime_class(name: str, handler: str, **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": name},
        "handler": handler,
        **more,
    }


def sandbox_request(story: Any) -> Any:
    return next(entry for entry in story.node.journal if entry.method == "RunPodSandbox").request


def test_a_handler_that_the_runtime_has(story: Any, c: Any) -> None:
    overhead = {"podFixed": {"cpu": "250m", "memory": "64Mi"}}
    scheduling = {"nodeSelector": {"kubernetes.io/os": "linux"}, "tolerations": [{"key": "t", "operator": "Exists"}]}
    (key,) = story.node.apply(runtime_class("native", "runc", overhead=overhead, scheduling=scheduling))
    assert key == "runtimeclass/native"
    story.pod(c("a"), runtimeClassName="native", nodeSelector={"kubernetes.io/arch": "amd64"})
    story.run("5s")
    request, spec = sandbox_request(story), story.node.pod("default/web")["spec"]
    assert request.runtime_handler == "runc"
    found = request.config.linux.overhead
    assert (found.cpu_shares, found.cpu_quota, found.memory_limit_in_bytes) == (256, 25000, 64 << 20)
    assert (spec["overhead"], spec["tolerations"][-1]["key"]) == (overhead["podFixed"], "t")
    assert spec["nodeSelector"] == {"kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux"}
    assert story.is_running("a")


def test_no_class_is_the_default_handler(story: Any, c: Any) -> None:
    story.pod(c("a"))
    story.run("5s")
    request = sandbox_request(story)
    assert (request.runtime_handler, request.config.linux.HasField("overhead")) == ("", True)
    assert story.is_running("a")


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ("containerd-2.3", 'unable to get OCI runtime for sandbox "ID": no runtime for "kata" is configured'),
        ("cri-o-1.36", "failed to find runtime handler kata from runtime list map["),
    ],
)
def test_a_handler_that_the_runtime_does_not_have(new_story: Any, c: Any, profile: str, message: str) -> None:
    story = new_story(profile=profile)
    story.node.apply(runtime_class("micro", "kata"))
    story.pod(c("a"), runtimeClassName="micro")
    story.run("5s")
    failed = next(line for line in story.events().splitlines() if "FailedCreatePodSandBox" in line)
    text = failed.partition("desc = ")[2]
    before, after = message.partition('"ID"')[::2]
    assert text.startswith(before)
    assert after in text
    assert story.waiting() == "ContainerCreating: "


def test_a_class_that_goes_away_before_the_sandbox_is_made(story: Any, c: Any) -> None:
    story.node.apply(runtime_class("native", "runc"))
    volumes = [{"name": "v", "hostPath": {"path": "/srv/x", "type": "Directory"}}]
    story.pod(c("a", volumeMounts=[{"name": "v", "mountPath": "/v"}]), volumes=volumes, runtimeClassName="native")
    story.run("1s")
    story.node.delete("runtimeclass/native")
    story.node._world._host_files.make_dirs("/srv/x")
    story.run("5s")
    failed = next(line for line in story.events().splitlines() if "FailedCreatePodSandBox" in line)
    text = 'Failed to create pod sandbox: runtimeclass.node.k8s.io "native" not found'
    assert failed == f"Warning FailedCreatePodSandBox: {text}"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"runtimeClassName": "none"}, 'pods "web" is forbidden: pod rejected: RuntimeClass "none" not found'),
        (
            {"runtimeClassName": "native", "overhead": {"cpu": "1"}},
            "pods \"web\" is forbidden: pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
        ),
        (
            {"runtimeClassName": "plain", "overhead": {"cpu": "1"}},
            (
                'pods "web" is forbidden: pod rejected: Pod Overhead set without corresponding RuntimeClass defined '
                "Overhead"
            ),
        ),
        (
            {"runtimeClassName": "native", "nodeSelector": {"a": "2"}},
            (
                'pods "web" is forbidden: conflict: runtimeClass.scheduling.nodeSelector[a] = 1; '
                "pod.spec.nodeSelector[a] = 2"
            ),
        ),
    ],
)
def test_what_admission_refuses(story: Any, c: Any, spec: dict[str, Any], message: str) -> None:
    story.node.apply(runtime_class("plain", "runc"))
    scheduling = {"nodeSelector": {"a": "1"}}
    story.node.apply(runtime_class("native", "runc", overhead={"podFixed": {"cpu": "100m"}}, scheduling=scheduling))
    with pytest.raises(InputError) as caught:
        story.pod(c("a"), **spec)
    assert str(caught.value).removeprefix("default/web: ").partition("; apply")[0] == message


def test_a_class_of_the_same_overhead(story: Any, c: Any) -> None:
    story.node.apply(runtime_class("native", "runc", overhead={"podFixed": {"cpu": "0.1"}}))
    story.pod(c("a"), runtimeClassName="native", overhead={"cpu": "100m"})
    story.run("5s")
    assert story.is_running("a")


def test_a_class_keeps_its_handler(story: Any) -> None:
    story.node.apply(runtime_class("native", "runc"))
    with pytest.raises(InputError, match='handler: Invalid value: "kata": field is immutable'):
        story.node.apply(runtime_class("native", "kata"))
    with pytest.raises(InputError, match=r"handler: Invalid value"):
        story.node.apply(runtime_class("other", "Not A Name"))
    with pytest.raises(InputError, match=r"metadata\.name: Required value"):
        story.node.apply({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "handler": "runc"})
