"""What a kubelet makes of pods in files: names, hashes, references to objects, and whose turn it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.policy.static_pod import (
    References,
    config_hash,
    forbidden_reference,
    full_name,
    is_mirror_of,
    is_static,
    static_pod_name,
)
from kubesim.policy.static_pod_order import Waiting, may_start


def test_names() -> None:
    assert static_pod_name("web", "Node-1") == "web-node-1"
    assert full_name("web-node-1", "kube-system") == "web-node-1_kube-system"


def test_the_hash_is_of_pod_node_and_file() -> None:
    """FNV-1a with 128 bits: its value of "host:file:", and three that differ in one thing."""
    digits = 0x6C62272E07BB014262B821756295C58D
    for byte in b"host:file:":
        digits = (digits ^ byte) * 0x1000000000000000000013B % 2**128
    assert config_hash(b"", node_name="", path="") == f"{digits:032x}"
    cases = [(b"{}", "n", "/f"), (b"{ }", "n", "/f"), (b"{}", "m", "/f"), (b"{}", "n", "/g")]
    assert len({config_hash(text, node_name=node, path=path) for text, node, path in cases}) == 4


@given(text=st.binary(max_size=40), path=st.text(max_size=10))
def test_the_hash_is_always_32_digits(text: bytes, path: str) -> None:
    assert len(config_hash(text, node_name="n", path=path)) == 32


def test_sources() -> None:
    assert is_static({"kubernetes.io/config.source": "file"})
    assert not is_static({"kubernetes.io/config.source": "api"})
    assert not is_static({})


@pytest.mark.parametrize(
    ("mirror", "static", "is_one"),
    [
        ({"kubernetes.io/config.mirror": "x"}, {"kubernetes.io/config.hash": "x"}, True),
        ({"kubernetes.io/config.mirror": "y"}, {"kubernetes.io/config.hash": "x"}, False),
        ({}, {"kubernetes.io/config.hash": "x"}, False),
    ],
)
def test_a_mirror_names_its_static_pod(mirror: dict[str, str], static: dict[str, str], is_one: bool) -> None:
    assert is_mirror_of(mirror, static) is is_one


@pytest.mark.parametrize(
    ("references", "kind"),
    [
        (References(), ""),
        (References(volumes=("emptyDir", "hostPath", "image"), projected=("downwardAPI",)), ""),
        (References(service_account="a", secrets=True), "serviceaccounts"),
        (References(secrets=True, config_maps=True), "secrets"),
        (References(config_maps=True, resource_claims=True), "configmaps"),
        (References(resource_claims=True, volumes=("csi",)), "resourceclaims"),
        (References(volumes=("emptyDir", "csi")), "csidrivers (via CSI volumes)"),
        (References(volumes=("glusterfs",)), "endpoints (via glusterFS volumes)"),
        (References(volumes=("persistentVolumeClaim",)), "persistentvolumeclaims"),
        (References(volumes=("ephemeral",)), "persistentvolumeclaims (via ephemeral volumes)"),
        (References(volumes=("azureFile",)), "secrets (via azureFile volumes)"),
        (References(projected=("serviceAccountToken",)), "serviceaccounts (via projected volumes)"),
        (References(projected=("clusterTrustBundle",)), "clustertrustbundles"),
        (References(projected=("podCertificate",)), "podcertificates"),
    ],
)
def test_static_pods_take_nothing_from_the_api_server(references: References, kind: str) -> None:
    wanted = f"static pods may not reference {kind}" if kind else ""
    assert forbidden_reference(references, is_any_forbidden=True) == wanted


@pytest.mark.parametrize(
    ("references", "text"),
    [
        (References(service_account="a", secrets=True, config_maps=True), ""),
        (
            References(projected=("clusterTrustBundle",)),
            "static pods may not use ClusterTrustBundle projected volume sources",
        ),
        (References(resource_claims=True), "static pods may not use ResourceClaims"),
    ],
)
def test_before_the_gate_only_two_kinds_were_refused(references: References, text: str) -> None:
    assert forbidden_reference(references, is_any_forbidden=False) == text


@pytest.mark.parametrize(
    ("started", "waiting", "may"),
    [
        (None, [], True),
        (None, [Waiting(uid="a")], True),
        (None, [Waiting(uid="b"), Waiting(uid="a")], False),
        (None, [Waiting(uid="b", is_over=True), Waiting(uid="a")], True),
        ("b", [Waiting(uid="a")], False),
        ("a", [Waiting(uid="b")], True),
    ],
)
def test_one_static_pod_of_a_name_at_a_time(started: str | None, waiting: list[Waiting], may: bool) -> None:
    assert may_start("a", started=started, waiting=waiting) is may
