"""What the API server refuses in a pod that is for Windows, or for Linux."""

from typing import Any

import pytest

from kubesim.errors import InputError
from kubesim.model.manifest import manifests
from kubesim.model.validation.operating_system import user_name_mistakes
from kubesim.model.yaml_text import Document

WINDOWS = "cannot be set for a windows pod"
LINUX = "windows options cannot be set for a linux pod"


def errors(os: str | None, *, spec: Any = None, pod: Any = None, container: Any = None) -> list[str]:
    document = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {
            **({"os": {"name": os}} if os else {}),
            **(spec or {}),
            "securityContext": pod or {},
            "containers": [
                {"name": "a", "image": "i", **({"securityContext": container} if container else {})},
            ],
        },
    }
    try:
        manifests([Document(value=document, name="f")])
    except InputError as error:
        return [line.removeprefix("f: ") for line in str(error).splitlines()]
    return []


def host_process(value: bool) -> dict[str, Any]:
    return {"windowsOptions": {"hostProcess": value}}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("appArmorProfile", {"type": "Unconfined"}),
        ("seLinuxOptions", {"level": "s0"}),
        ("seccompProfile", {"type": "Unconfined"}),
        ("fsGroup", 1),
        ("fsGroupChangePolicy", "Always"),
        ("sysctls", [{"name": "a.b", "value": "1"}]),
        ("runAsUser", 1),
        ("runAsGroup", 1),
        ("supplementalGroups", [1]),
        ("supplementalGroupsPolicy", "Merge"),
    ],
)
def test_fields_of_the_pod_that_mean_nothing_on_windows(field: str, value: Any) -> None:
    assert errors("windows", pod={field: value}) == [f"spec.securityContext.{field}: Forbidden: {WINDOWS}"]
    assert errors(None, pod={field: value}) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seccompProfile", {"type": "Unconfined"}),
        ("capabilities", {"add": ["NET_ADMIN"]}),
        ("readOnlyRootFilesystem", False),
        ("privileged", False),
        ("allowPrivilegeEscalation", True),
        ("procMount", "Default"),
        ("runAsUser", 0),
        ("runAsGroup", 0),
    ],
)
def test_fields_of_a_container_that_mean_nothing_on_windows(field: str, value: Any) -> None:
    path = f"spec.containers[0].securityContext.{field}"
    assert errors("windows", container={field: value}) == [f"{path}: Forbidden: {WINDOWS}"]
    assert errors("linux", container={field: value}) == []


@pytest.mark.parametrize("field", ["hostPID", "hostIPC", "shareProcessNamespace"])
def test_namespaces_that_windows_does_not_have(field: str) -> None:
    assert errors("windows", spec={field: True}) == [f"spec.{field}: Forbidden: {WINDOWS}"]


def test_run_as_non_root_is_for_both() -> None:
    assert errors("windows", pod={"runAsNonRoot": True}, container={"runAsNonRoot": False}) == []


def test_options_of_windows_in_a_linux_pod() -> None:
    options = {"windowsOptions": {"runAsUserName": "u"}}

    assert errors("linux", pod=options, container=options) == [
        f"spec.securityContext.windowsOptions: Forbidden: {LINUX}",
        f"spec.containers[0].securityContext.windowsOptions: Forbidden: {LINUX}",
    ]
    assert errors(None, pod=options, container=options) == []


@pytest.mark.parametrize(
    ("name", "mistakes"),
    [
        ("ContainerAdministrator", []),
        ("NT AUTHORITY\\SYSTEM", []),
        ("corp.example.com\\joe", []),
        ("", ["runAsUserName cannot be an empty string"]),
        ("a\tb", ["runAsUserName cannot contain control characters"]),
        ("a\\b\\c", ["runAsUserName cannot contain more than one backslash"]),
        ("d" * 256 + "\\u", [
            "runAsUserName's Domain length must be under 256 characters",
            "runAsUserName's Domain doesn't match the NetBios nor the DNS format",
        ]),
        ("\\u", ["runAsUserName's Domain doesn't match the NetBios nor the DNS format"]),
        (".a\\u", ["runAsUserName's Domain doesn't match the NetBios nor the DNS format"]),
        ("sixteen-letters-\\u", ["runAsUserName's Domain doesn't match the NetBios nor the DNS format"]),
        ("d\\", ["runAsUserName's User cannot be empty"]),
        ("u" * 104, []),
        ("u" * 105, ["runAsUserName's User length must not be longer than 104 characters"]),
        ("é" * 53, ["runAsUserName's User length must not be longer than 104 characters"]),
        (". .", ["runAsUserName's User cannot contain only periods or spaces"]),
        ("a@b", ['runAsUserName\'s User cannot contain the following characters: "/\\:;|=,+*?<>@[]']),
    ],
)  # fmt: skip
def test_names_of_windows_users(name: str, mistakes: list[str]) -> None:
    assert list(user_name_mistakes(name)) == mistakes


def test_a_wrong_name_has_its_place() -> None:
    (line,) = errors(None, container={"windowsOptions": {"runAsUserName": "a@b"}})

    path = "spec.containers[0].securityContext.windowsOptions.runAsUserName"
    assert line.startswith(f'{path}: Invalid value: "a@b": runAsUserName\'s User cannot contain the following')


def test_host_process_is_for_all_containers_and_needs_the_host_network() -> None:
    network = {"hostNetwork": True}
    sidecar = {"initContainers": [{"name": "i", "image": "i"}]}

    assert errors("windows", spec=network, pod=host_process(True)) == []
    assert errors("windows", pod=host_process(True)) == [
        "spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers"
    ]
    (line,) = errors("windows", spec={**network, **sidecar}, container=host_process(True))
    detail = "If pod contains any hostProcess containers then all containers must be HostProcess containers"
    assert line == f'spec: Invalid value: "": {detail}'
    path = "spec.containers[0].securityContext.windowsOptions.hostProcess"
    assert errors("windows", pod=host_process(True), container=host_process(False)) == [
        f"{path}: Invalid value: false: pod hostProcess value must be identical if both are specified, was true"
    ]
