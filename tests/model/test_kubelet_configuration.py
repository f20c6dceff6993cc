"""The kubelet's configuration: strict to read, complete to show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kubesim.errors import InputError
from kubesim.model.duration import parse_duration
from kubesim.model.kubelet_configuration import (
    EVICTION_HARD,
    EVICTION_HARD_WINDOWS,
    effective,
    kubelet_configuration,
    load_kubelet_configuration,
)
from kubesim.model.yaml_text import load_document

RECORDED = Path(__file__).parents[3] / "shared" / "recorded" / "golden" / "configz.json"


def shown(values: dict[str, Any], **options: Any) -> dict[str, Any]:
    return effective(kubelet_configuration(values, **options))


@pytest.mark.skipif(not RECORDED.exists(), reason="the recordings of a real kubelet are not beside the repository")
def test_the_recorded_configuration_survives_unchanged() -> None:
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))["kubeletconfig"]
    # The recorded kubelet was told to enforce nothing, which /configz leaves out.
    found = shown({**recorded, "enforceNodeAllocatable": []})
    assert found == recorded
    assert list(found) == list(recorded)


def test_defaults() -> None:
    found = shown({})
    expected = {
        "kind": "KubeletConfiguration",
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "syncFrequency": "1m0s",
        "port": 10250,
        "authentication": {
            "x509": {},
            "webhook": {"enabled": True, "cacheTTL": "2m0s"},
            "anonymous": {"enabled": False},
        },
        "registryPullQPS": 5,
        "imagePullCredentialsVerificationPolicy": "NeverVerifyPreloadedImages",
        "nodeStatusUpdateFrequency": "10s",
        "nodeStatusReportFrequency": "5m0s",
        "imageMaximumGCAge": "0s",
        "cgroupsPerQOS": True,
        "cgroupDriver": "cgroupfs",
        "podPidsLimit": -1,
        "serializeImagePulls": True,
        "evictionHard": EVICTION_HARD,
        "memorySwap": {},
        "enforceNodeAllocatable": ["pods"],
        "shutdownGracePeriod": "0s",
        "crashLoopBackOff": {"maxContainerRestartPeriod": "5m0s"},
        "memoryThrottlingFactor": 0.9,
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "imageServiceEndpoint": "unix:///run/containerd/containerd.sock",
        "failCgroupV1": True,
    }
    assert {key: found[key] for key in expected} == expected
    assert "readOnlyPort" not in found
    assert "clusterDNS" not in found
    assert "rotateCertificates" not in found


@pytest.mark.parametrize(
    ("values", "key", "value"),
    [
        ({"syncFrequency": "90s"}, "syncFrequency", "1m30s"),
        ({"syncFrequency": "0s"}, "syncFrequency", "1m0s"),
        ({"imageMaximumGCAge": "0s"}, "imageMaximumGCAge", "0s"),
        ({"port": 0, "healthzPort": 0}, "port", 10250),
        ({"port": 0, "healthzPort": 0}, "healthzPort", 0),
        ({"registryPullQPS": 0}, "registryPullQPS", 0),
        ({"registryBurst": 0}, "registryBurst", 10),
        ({"cgroupDriver": ""}, "cgroupDriver", "cgroupfs"),
        ({"resolvConf": ""}, "resolvConf", ""),
        ({"maxParallelImagePulls": 1}, "serializeImagePulls", True),
        ({"maxParallelImagePulls": 2}, "serializeImagePulls", False),
        ({"maxParallelImagePulls": 2, "serializeImagePulls": True}, "serializeImagePulls", True),
        ({"nodeStatusUpdateFrequency": "20s"}, "nodeStatusReportFrequency", "20s"),
        ({"nodeStatusReportFrequency": "1m"}, "nodeStatusUpdateFrequency", "10s"),
        ({"podPidsLimit": -7}, "podPidsLimit", -1),
        ({"evictionHard": {"memory.available": "1Gi"}}, "evictionHard", {"memory.available": "1Gi"}),
        ({"evictionHard": {"memory.available": "1Gi"}, "mergeDefaultEvictionSettings": True}, "evictionHard",
         {**EVICTION_HARD, "memory.available": "1Gi"}),
        ({"imageServiceEndpoint": "unix:///i"}, "imageServiceEndpoint", "unix:///i"),
        ({"containerRuntimeEndpoint": "unix:///r"}, "imageServiceEndpoint", "unix:///r"),
        ({"crashLoopBackOff": {"maxContainerRestartPeriod": "60s"}}, "crashLoopBackOff",
         {"maxContainerRestartPeriod": "1m0s"}),
        ({"authentication": {"webhook": {"cacheTTL": "0s"}}}, "authentication",
         {"x509": {}, "webhook": {"enabled": True, "cacheTTL": "2m0s"}, "anonymous": {"enabled": False}}),
        ({"shutdownGracePeriodByPodPriority": [{"priority": 0, "shutdownGracePeriodSeconds": 0}]},
         "shutdownGracePeriodByPodPriority", [{"priority": 0, "shutdownGracePeriodSeconds": 0}]),
        ({"logging": {"flushFrequency": 5000000000, "verbosity": 4}}, "logging",
         {"format": "text", "flushFrequency": 5000000000, "verbosity": 4,
          "options": {"text": {"infoBufferSize": "0"}, "json": {"infoBufferSize": "0"}}}),
        ({"featureGates": {"ImageVolume": False}}, "featureGates", {"ImageVolume": False}),
    ],
)  # fmt: skip
def test_single_values(values: dict[str, Any], key: str, value: Any) -> None:
    assert shown(values)[key] == value


def test_defaults_that_hang_on_gates() -> None:
    old = shown({}, minor=34)
    assert old["crashLoopBackOff"] == {}
    assert "imagePullCredentialsVerificationPolicy" not in old
    gates = {"KubeletCrashLoopBackOffMax": True, "KubeletEnsureSecretPulledImages": True}
    early = shown({"featureGates": gates}, minor=33)
    assert early["crashLoopBackOff"] == {"maxContainerRestartPeriod": "5m0s"}
    assert early["imagePullCredentialsVerificationPolicy"] == "NeverVerifyPreloadedImages"
    off = shown({"featureGates": dict.fromkeys(gates, False)})
    assert off["crashLoopBackOff"] == {}
    assert "imagePullCredentialsVerificationPolicy" not in off


def test_windows_has_other_thresholds() -> None:
    assert shown({}, os="windows")["evictionHard"] == EVICTION_HARD_WINDOWS


def test_defaults_are_not_shared() -> None:
    kubelet_configuration({}).enforce_node_allocatable.append("changed")
    assert shown({})["enforceNodeAllocatable"] == ["pods"]


def test_showing_and_reading_again_changes_nothing() -> None:
    once = kubelet_configuration({"shutdownGracePeriod": "30s", "clusterDNS": ["10.0.0.10"]})
    assert kubelet_configuration(effective(once)) == once
    assert parse_duration(once.shutdown_grace_period) == 30 * 10**9


def test_every_mistake_has_its_place() -> None:
    text = """\
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
shutDownGracePeriod: 30s
clusterDNS: 10.0.0.10
port: 99999999999
"""
    with pytest.raises(InputError) as caught:
        load_kubelet_configuration(load_document(text, name="kubelet.yaml"))
    assert str(caught.value).splitlines() == [
        "kubelet.yaml:3:1: unknown field 'shutDownGracePeriod', did you mean 'shutdownGracePeriod'?",
        "kubelet.yaml:4:13: $.clusterDNS: found the text '10.0.0.10'; expected a list",
        "kubelet.yaml:5:7: $.port: 99999999999 is out of range; expected at most 2147483647",
    ]


def test_durations_have_their_place_too() -> None:
    text = "syncFrequency: 1x\nauthentication: {webhook: {cacheTTL: '5'}}\n"
    with pytest.raises(InputError) as caught:
        load_kubelet_configuration(load_document(text, name="k"))
    assert str(caught.value).splitlines() == [
        'k:1:16: $.syncFrequency: time: unknown unit "x" in duration "1x"; units are ns, us, ms, s, m, h',
        'k:2:38: $.authentication.webhook.cacheTTL: time: missing unit in duration "5"; expected e.g. "5s"',
    ]


def test_another_kind_is_refused() -> None:
    with pytest.raises(InputError, match=r'\$\.kind: unknown value \'Pod\'; expected "KubeletConfiguration"'):
        kubelet_configuration({"kind": "Pod"})
