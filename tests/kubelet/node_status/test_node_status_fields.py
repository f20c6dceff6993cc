"""Single fields of a node's status."""

import pytest

from kubesim.kubelet.node_configuration import configured, node_status_settings, shutdown_config
from kubesim.kubelet.node_description import NodeDescription
from kubesim.kubelet.node_status_fields import runtime_version_text
from kubesim.model.k8s_v1 import Taint
from kubesim.model.kubelet_configuration import kubelet_configuration


@pytest.mark.parametrize(
    ("version", "shown"),
    [
        ("2.1.4", "2.1.4"),
        ("v1.7.29", "1.7.29"),
        ("2.4.0-beta+unknown", "2.4.0-beta+unknown"),
        ("2.0.0-rc.1", "2.0.0-rc.1"),
        ("1.34.1+build.5", "1.34.1+build.5"),
        (" v1.6.39 ", "1.6.39"),
        ("1.7", "1.7"),
        ("1.2.3.4", "1.2.3.4"),
        ("1.7.29~ds1", "1.7.29"),
        ("1.02.3", "1.2.3"),
        ("1.2.3-01", "1.2.3"),
        ("01.2.3", "Unknown"),
        ("2", "Unknown"),
        ("main", "Unknown"),
        ("", "Unknown"),
    ],
)
def test_runtime_versions_are_parsed_as_apimachinery_parses_them(version: str, shown: str) -> None:
    assert runtime_version_text(version) == shown


def test_the_configuration_decides_pods_reservations_and_taints() -> None:
    config = kubelet_configuration(
        {
            "maxPods": 50,
            "podsPerCore": 10,
            "kubeReserved": {"cpu": "200m"},
            "systemReserved": {"memory": "1Gi"},
            "evictionHard": {"memory.available": "1%"},
            "registerWithTaints": [{"key": "a", "effect": "NoSchedule"}],
        }
    )
    node = configured(NodeDescription(name="n", taints=(Taint(key="b", effect="NoExecute"),)), config)

    assert node.all_capacity["pods"] == "40"
    assert node.reserved == ({"memory": "1Gi"}, {"cpu": "200m"})
    assert node.eviction_hard == {"memory.available": "1%"}
    assert [taint.key for taint in node.taints] == ["b", "a"]
    assert configured(NodeDescription(name="n"), kubelet_configuration({"maxPods": 50})).all_capacity["pods"] == "50"


def test_the_configuration_decides_how_often_and_with_what() -> None:
    default = node_status_settings(kubelet_configuration({}), os="linux")
    assert (default.update_frequency_ns, default.report_frequency_ns, default.images_max, default.port) == (
        10 * 10**9,
        300 * 10**9,
        50,
        10250,
    )
    config = kubelet_configuration(
        {
            "nodeStatusUpdateFrequency": "4s",
            "nodeStatusMaxImages": -1,
            "registerNode": False,
            "enableControllerAttachDetach": False,
        }
    )
    changed = node_status_settings(config, os="linux")
    assert (changed.update_frequency_ns, changed.report_frequency_ns, changed.images_max) == (4 * 10**9, 4 * 10**9, -1)
    assert (changed.is_registering, changed.is_attach_detach_by_controller) == (False, False)


def test_the_configuration_decides_the_shutdown() -> None:
    by_time = shutdown_config(
        kubelet_configuration({"shutdownGracePeriod": "30s", "shutdownGracePeriodCriticalPods": "10s"})
    )
    assert (by_time.grace_period_ns, by_time.grace_period_critical_pods_ns) == (30 * 10**9, 10 * 10**9)
    periods = [{"priority": 1000, "shutdownGracePeriodSeconds": 60}, {"priority": 0, "shutdownGracePeriodSeconds": 5}]
    by_priority = shutdown_config(kubelet_configuration({"shutdownGracePeriodByPodPriority": periods}))
    assert by_priority.by_pod_priority == ((1000, 60), (0, 5))
