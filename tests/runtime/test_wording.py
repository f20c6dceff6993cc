"""Sentences, and what they are about, that differ between the versions of one runtime."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kubesim.cri import Code, api
from kubesim.policy.runtime_profile import WordingSwitches
from kubesim.runtime import container_refusals, sandbox_refusals, streaming_refusals
from kubesim.runtime.profiles import load_profile, profile_names
from kubesim.runtime.refusal import Refusal

NO_HINT = 'failed to reserve container name "ctr_pod_ns_uid-pod_0": name '
HINT = (
    'failed to reserve container name "ctr_pod_ns_uid-pod_0"; check if another CreateContainer request is in progress: '
    "name "
)


@pytest.mark.parametrize(
    ("profile", "beginning"),
    [
        ("containerd-1.6", NO_HINT),
        ("containerd-2.0", NO_HINT),
        ("containerd-2.1.6", NO_HINT),
        ("containerd-2.1.7", HINT),
        ("containerd-2.2.1", NO_HINT),
        ("containerd-2.2.2", HINT),
        ("containerd-2.3.0", HINT),
    ],
)
def test_a_name_that_is_taken(new_node: Any, profile: str, beginning: str) -> None:
    node = new_node(profile)
    pod = node.run_pod()
    container = node.create(pod, node.container_config("true"))

    error = node.refused(node.creating(pod, node.container_config("true")))

    assert error.code is Code.UNKNOWN
    assert error.message == f'{beginning}"ctr_pod_ns_uid-pod_0" is reserved for "{container}"'


@pytest.mark.parametrize(
    ("profile", "code", "message"),
    [
        (
            "containerd-1.7",
            Code.NOT_FOUND,
            "failed to get sandbox container task: no running task found: task {pod} not found: not found",
        ),
        ("containerd-2.2.6", Code.UNKNOWN, 'sandbox container "{pod}" is not running'),
        ("containerd-2.3.3", Code.UNKNOWN, 'sandbox container "{pod}" is not running'),
        ("cri-o-1.28", Code.UNKNOWN, "CreateContainer failed as the sandbox was stopped: {pod}"),
    ],
)
def test_a_container_for_a_stopped_sandbox(new_node: Any, profile: str, code: Code, message: str) -> None:
    node = new_node(profile)
    pod = node.run_pod()
    node.stop_pod(pod)

    error = node.refused(node.creating(pod, node.container_config("true")))

    assert (error.code, error.message) == (code, message.format(pod=pod))


@pytest.mark.parametrize("profile", ["containerd-2.0", "containerd-2.2.5", "containerd-2.3.2"])
def test_a_container_that_cannot_be_started_any_more(new_node: Any, profile: str) -> None:
    node = new_node(profile)
    pod = node.run_pod()
    node.stop_pod(pod)

    container = node.create(pod, node.container_config("true"))

    assert node.refused(node.starting(container)).message == f'sandbox container "{pod}" is not running'


@pytest.mark.parametrize(
    ("profile", "changes", "message"),
    [
        ("cri-o-1.28", {"name": ""}, "setting sandbox config: PodSandboxConfig.Metadata.Name should not be empty"),
        ("cri-o-1.29", {"name": ""}, "setting sandbox config: metadata.Name should not be empty"),
        ("cri-o-1.28", {"uid": ""}, ""),
        (
            "cri-o-1.29",
            {"uid": ""},
            "setting pod sandbox name and id: cannot generate pod name without uid in metadata",
        ),
        ("containerd-2.3", {"name": "", "uid": "", "namespace": ""}, ""),
    ],
)
def test_parts_of_a_pods_name(new_node: Any, profile: str, changes: dict[str, str], message: str) -> None:
    node = new_node(profile)
    config = node.pod_config()
    for field, value in changes.items():
        setattr(config.metadata, field, value)
    call = node.cri.run_pod_sandbox(api.RunPodSandboxRequest(config=config))

    if message:
        assert node.refused(call).message == message
    else:
        assert node.do(call).pod_sandbox_id


@pytest.mark.parametrize(("profile", "builder"), [("cri-o-1.31", "sbox"), ("cri-o-1.32", "sbuilder")])
def test_a_relative_log_directory(new_node: Any, profile: str, builder: str) -> None:
    node = new_node(profile)
    request = api.RunPodSandboxRequest(config=node.pod_config(log_directory="logs"))

    message = node.refused(node.cri.run_pod_sandbox(request)).message

    assert message.startswith(f"requested logDir for {builder} ID ")
    assert message.endswith(" is a relative path: logs")


@pytest.mark.parametrize(("profile", "is_refused"), [("cri-o-1.33.3", False), ("cri-o-1.33.4", True)])
def test_a_memory_limit_below_the_usage(new_node: Any, profile: str, is_refused: bool) -> None:
    node = new_node(profile)
    container = node.start(node.run_pod(), "sleep", "100")
    request = api.UpdateContainerResourcesRequest(container_id=container)
    request.linux.memory_limit_in_bytes = 1

    call = node.cri.update_container_resources(request)

    if is_refused:
        assert "cannot decrease memory limit to 1 bytes: current usage is " in node.refused(call).message
    else:
        node.do(call)
        assert node.status(container).resources.linux.memory_limit_in_bytes == 1


@pytest.mark.parametrize(("profile", "is_known"), [("containerd-1.6", False), ("containerd-1.7", True)])
def test_user_namespaces_that_are_not_known_are_not_looked_at(new_node: Any, profile: str, is_known: bool) -> None:
    node = new_node(profile)
    config = node.pod_config()
    config.linux.security_context.namespace_options.userns_options.mode = api.POD
    call = node.cri.run_pod_sandbox(api.RunPodSandboxRequest(config=config))

    if is_known:
        assert "without UID and GID mappings" in node.refused(call).message
    else:
        pod = node.do(call).pod_sandbox_id
        assert node.create(pod, node.container_config("true"), config)


def test_every_wording_has_a_row_and_every_row_its_wording() -> None:
    rows = [
        row
        for module in (container_refusals, sandbox_refusals, streaming_refusals)
        for row in vars(module).values()
        if isinstance(row, Refusal)
    ]

    whole = {row.wording for row in rows if row.wording}
    parts = {field for row in rows for field in WordingSwitches.__struct_fields__ if f"{{{field}}}" in row.containerd}
    assert whole | parts == set(WordingSwitches.__struct_fields__)
    for name in profile_names():
        wording = load_profile(name).wording
        assert wording.create_in_stopped_sandbox, name


@pytest.mark.parametrize(
    ("runtime", "words_of", "missing", "spec", "is_name_required"),
    [
        ("containerd-2.3", "cri-o", "could not find container", "io.kubernetes.cri.sandbox-id", False),
        (
            "cri-o-1.36",
            "containerd",
            "an error occurred when try to find container",
            "io.kubernetes.cri-o.SandboxID",
            True,
        ),
    ],
)
def test_the_words_of_another_runtime_change_no_behaviour(
    new_node: Any, tmp_path: Path, runtime: str, words_of: str, missing: str, spec: str, is_name_required: bool
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "apiVersion: kubesim/v1\nkind: RuntimeProfile\nmetadata: {name: mine}\n"
        f"spec: {{extends: {runtime}, changes: [{{why: to see, set: {{texts: {words_of}}}}}]}}\n"
    )
    node = new_node(str(path))
    pod = node.run_pod()

    absent = api.ContainerStatusRequest(container_id="f" * 64)
    assert missing in node.refused(node.cri.container_status(absent)).message
    container = node.create(pod, node.container_config("true"))
    verbose = api.ContainerStatusRequest(container_id=container, verbose=True)
    document = json.loads(node.do(node.cri.container_status(verbose)).info["info"])
    assert document["runtimeSpec"]["annotations"][spec] == pod
    nameless = node.container_config("true", name="")
    if is_name_required:
        assert node.refused(node.creating(pod, nameless)).message == "setting container config: name is empty"
    else:
        assert node.create(pod, nameless)
