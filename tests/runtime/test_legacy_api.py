"""CRI v1alpha2, as containerd 1.6 and 1.7 serve it: the answers of v1, and a deprecation warning."""

import json

import pytest

from kubesim.cri import api
from kubesim.cri.legacy_methods import LEGACY_METHODS, V1ALPHA2
from kubesim.cri.methods import METHODS

LEGACY = {method.name: method for method in LEGACY_METHODS[V1ALPHA2]}


def condition(node):
    conditions = node.do(node.cri.status(api.StatusRequest())).status.conditions
    return next(item for item in conditions if item.type == "ContainerdHasNoDeprecationWarnings")


def test_the_rpcs_are_those_of_cri_api_0_25_without_what_only_v1_got():
    younger = set(METHODS) - set(LEGACY)

    assert len(LEGACY) == 29
    assert {"GetContainerEvents", "CheckpointContainer", "RuntimeConfig", "ListMetricDescriptors"} <= younger
    assert LEGACY["ListImages"].full_name == "/runtime.v1alpha2.ImageService/ListImages"
    assert LEGACY["Status"].request_type is METHODS["Status"].request_type


def test_the_version_of_the_api_is_the_callers(new_node):
    node = new_node("containerd-1.7")

    legacy = node.do(node.runtime.call(LEGACY["Version"], api.VersionRequest()))
    modern = node.do(node.runtime.call(METHODS["Version"], api.VersionRequest()))

    assert (legacy.runtime_api_version, modern.runtime_api_version) == ("v1alpha2", "v1")
    assert (legacy.runtime_name, legacy.runtime_version) == (modern.runtime_name, modern.runtime_version)


def test_both_versions_show_the_same_world(new_node):
    node = new_node("containerd-1.6")
    config = node.pod_config()

    request = api.RunPodSandboxRequest(config=config)
    pod = node.do(node.runtime.call(LEGACY["RunPodSandbox"], request)).pod_sandbox_id
    rows = node.do(node.cri.list_pod_sandbox(api.ListPodSandboxRequest())).items

    assert [row.id for row in rows] == [pod]
    assert node.refused(node.runtime.call(LEGACY["RunPodSandbox"], request)).message.startswith("failed to reserve")


@pytest.mark.parametrize("profile", ["containerd-1.6", "containerd-1.7"])
def test_a_use_is_a_deprecation_warning_until_the_daemon_restarts(new_node, profile):
    node = new_node(profile)
    assert (condition(node).status, condition(node).reason, condition(node).message) == (True, "", "")

    node.do(node.runtime.call(LEGACY["Version"], api.VersionRequest()))

    found = condition(node)
    assert (found.status, found.reason) == (False, "ContainerdHasDeprecationWarnings")
    assert json.loads(found.message) == {
        "io.containerd.deprecation/cri-api-v1alpha2": "CRI API v1alpha2 is deprecated since containerd v1.7 and "
        "removed in containerd v2.0. Use CRI API v1 instead."
    }
    node.runtime.restart()
    assert condition(node).status


def test_verbose_status_names_the_network_that_is_the_default_one(new_node):
    node = new_node("containerd-1.6")

    info = node.do(node.cri.status(api.StatusRequest(verbose=True))).info

    assert set(info) == {"config", "golang", "cniconfig", "lastCNILoadStatus", "lastCNILoadStatus.default"}
