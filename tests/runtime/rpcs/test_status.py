"""Status: conditions, handlers, features, and the verbose info."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubesim.cri import api
from kubesim.runtime.profiles import profile_names

CNI_ERROR = "Network plugin returns error: "


def status(node: Any, *, verbose: bool = False) -> api.StatusResponse:
    return node.do(node.cri.status(api.StatusRequest(verbose=verbose)))


@pytest.mark.parametrize("profile", profile_names())
def test_every_profile_is_healthy(new_node: Any, profile: str) -> None:
    conditions = {condition.type: condition.status for condition in status(new_node(profile)).status.conditions}
    assert conditions["RuntimeReady"]
    assert conditions["NetworkReady"]


@pytest.mark.parametrize(
    ("profile", "handlers", "supports_policy"),
    [
        ("containerd-1.7", [], None),
        ("containerd-2.3", ["", "runc"], True),
        ("cri-o-1.29", [], None),
        ("cri-o-1.30", ["runc", ""], None),
        ("cri-o-1.36", ["crun", ""], True),
    ],
)
def test_handlers_and_features(new_node: Any, profile: str, handlers: list[str], supports_policy: bool | None) -> None:
    response = status(new_node(profile))
    assert [handler.name for handler in response.runtime_handlers] == handlers
    assert len({str(handler.features) for handler in response.runtime_handlers}) <= 1
    if supports_policy is None:
        assert not response.HasField("features")
    else:
        assert response.features.supplemental_groups_policy is supports_policy


def test_features_can_be_changed(node: Any) -> None:
    node.runtime.set_feature("supplemental_groups_policy", False)
    node.runtime.set_feature("user_namespaces", False)
    response = status(node)
    assert not response.features.supplemental_groups_policy
    assert not any(handler.features.user_namespaces for handler in response.runtime_handlers)


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ("containerd-2.3", f"{CNI_ERROR}cni plugin not initialized"),
        ("cri-o-1.36", f"{CNI_ERROR}no CNI configuration file in /etc/cni/net.d/. Has your network provider started?"),
    ],
)
def test_a_network_that_is_not_ready(new_node: Any, profile: str, message: str) -> None:
    node = new_node(profile)
    node.runtime.set_feature("network_ready", False)
    condition = next(found for found in status(node).status.conditions if found.type == "NetworkReady")
    assert (condition.status, condition.reason, condition.message) == (False, "NetworkPluginNotReady", message)
    node.runtime.set_feature("network_ready", True)
    condition = next(found for found in status(node).status.conditions if found.type == "NetworkReady")
    assert (condition.status, condition.reason) == (True, "")


@pytest.mark.parametrize("profile", profile_names())
def test_verbose_info_is_json_where_it_looks_like_it(new_node: Any, profile: str) -> None:
    node = new_node(profile)
    assert not status(node).info
    info = status(node, verbose=True).info
    assert sorted(info) == sorted(node.runtime.profile.status.info_keys)
    for value in info.values():
        if value.startswith("{"):
            assert isinstance(json.loads(value), dict)
    config = json.loads(info["config"])
    if node.runtime.profile.texts == "containerd":
        assert config["stateDir"] == "/run/containerd/io.containerd.grpc.v1.cri"


@pytest.mark.parametrize(
    ("profile", "has_it"), [("containerd-1.7", True), ("containerd-2.0", False), ("cri-o-1.36", True)]
)
def test_the_pause_image_in_the_configuration(new_node: Any, profile: str, has_it: bool) -> None:
    node = new_node(profile)
    config = json.loads(node.do(node.cri.status(api.StatusRequest(verbose=True))).info["config"])
    assert config.get("sandboxImage") == (node.runtime.profile.pause_image if has_it else None)
