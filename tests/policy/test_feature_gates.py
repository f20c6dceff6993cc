"""Which gates exist and which are on, version by version."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.errors import InputError
from kubesim.policy.feature_gate_dependencies import DEPENDENCIES
from kubesim.policy.feature_gates import (
    DEFAULT_GATES,
    NEWEST_VERSION,
    feature_gates,
    gate_enabled,
    gate_warnings,
    resolve_gates,
)
from kubesim.policy.feature_gates_data import CELLS, VERSIONS
from kubesim.policy.feature_gates_others import NOT_EMULATED, OTHER_CELLS

DEPENDS = "is enabled, but depends on features that are disabled:"


def test_every_row_has_a_cell_for_every_version() -> None:
    known = {".", "!", "A+", "A-", "B+", "B-", "G+", "G-", "G+L", "D+", "D-", "D+L", "D-L"}
    for name, row in {**CELLS, **OTHER_CELLS}.items():
        cells = row.split()
        assert len(cells) == len(VERSIONS), name
        assert set(cells) <= known, name
    assert not set(CELLS) & set(OTHER_CELLS)
    assert set(NOT_EMULATED) <= {*CELLS, *OTHER_CELLS}


def test_a_gate_that_is_asked_never_disappears_once_it_exists() -> None:
    for name, row in CELLS.items():
        assert "." not in row.lstrip(". ").split(), name


def test_a_gate_is_removed_only_after_it_was_locked() -> None:
    for name, row in {**CELLS, **OTHER_CELLS}.items():
        cells = row.lstrip(". ").split()
        gone = next((at for at, cell in enumerate(cells) if cell in {".", "!"}), None)
        assert gone is None or cells[gone - 1] in {"G+L", "G-", "A-", "B-"}, name


@pytest.mark.parametrize("name", ["PodHostIPs", "PodDisruptionConditions"])
def test_what_a_removed_gate_switched_is_always_there(name: str) -> None:
    assert name not in feature_gates("1.36")
    assert gate_enabled(resolve_gates("1.36"), name)
    with pytest.raises(InputError, match=f"unrecognized feature gate: {name}"):
        resolve_gates("1.36", {name: True})


@pytest.mark.parametrize("name", ["KubeletTracing", "HPAScaleToZero", "AppArmor", "CPUManagerPolicyAlphaOptions"])
def test_gates_of_other_parts_are_taken(name: str) -> None:
    assert resolve_gates("1.30", {name: True})[name]


def test_a_gate_that_is_not_emulated_stays_off() -> None:
    assert resolve_gates("1.36", {"MemoryQoS": False})["MemoryQoS"] is False
    with pytest.raises(InputError) as caught:
        resolve_gates("1.36", {"MemoryQoS": True, "CRIListStreaming": True})
    assert str(caught.value) == (
        "featureGates: the feature gate CRIListStreaming is not emulated yet: lists over streams of the runtime; "
        "the feature gate MemoryQoS is not emulated yet: memory protection and throttling of containers; "
        "set CRIListStreaming, MemoryQoS to false"
    )
    with pytest.raises(InputError, match="PodAndContainerStatsFromCRI, RuntimeClassInImageCriApi to false"):
        resolve_gates("1.32", {"AllAlpha": True})


def test_a_kubelet_warns_of_gates_that_will_go() -> None:
    chosen = {"ImageVolume": True, "EnvFiles": True, "ChangeContainerStatusOnKubeletRestart": True, "AllBeta": True}
    assert gate_warnings("1.36", chosen) == [
        ("ChangeContainerStatusOnKubeletRestart", "Deprecated", True),
        ("ImageVolume", "GA", True),
    ]


def test_dependencies_name_known_gates_and_hold_by_default_in_every_version() -> None:
    for name, needed in DEPENDENCIES.items():
        assert {name, *needed} <= {*CELLS, *OTHER_CELLS}
    for version in VERSIONS:
        assert resolve_gates(version)


@pytest.mark.parametrize(
    ("version", "name", "stage", "default", "locked"),
    [
        ("1.28", "SidecarContainers", "Alpha", False, False),
        ("1.29", "SidecarContainers", "Beta", True, False),
        ("1.33", "SidecarContainers", "GA", True, True),
        ("1.33", "SupplementalGroupsPolicy", "Beta", True, False),
        ("1.35", "ChangeContainerStatusOnKubeletRestart", "Deprecated", False, False),
        ("v1.36.2", "ImageVolume", "GA", True, True),
    ],
)
def test_gate_of_a_version(version: str, name: str, stage: str, default: bool, locked: bool) -> None:
    gate = feature_gates(version)[name]
    assert (gate.stage, gate.default, gate.locked) == (stage, default, locked)


def test_a_gate_of_a_later_version_is_absent() -> None:
    assert "SupplementalGroupsPolicy" not in feature_gates("1.30")
    assert not gate_enabled(resolve_gates("1.30"), "SupplementalGroupsPolicy")


@pytest.mark.parametrize("version", ["1.27", "1.37", "2.36", "newest", ""])
def test_an_unknown_version_names_the_known_ones(version: str) -> None:
    with pytest.raises(InputError, match=r"unknown kubelet version .*; known versions: 1\.28, 1\.29, .*1\.36"):
        feature_gates(version)


def test_overrides_win_over_defaults() -> None:
    gates = resolve_gates("1.36", {"EventedPLEG": True, "PLEGOnDemandRelist": False})
    assert gates["EventedPLEG"]
    assert not gates["PLEGOnDemandRelist"]


@pytest.mark.parametrize(
    ("version", "overrides", "message"),
    [
        ("1.36", {"NoSuchGate": True}, "featureGates: unrecognized feature gate: NoSuchGate"),
        (
            "1.36",
            {"SidecarContainer": True},
            "featureGates: unrecognized feature gate: SidecarContainer; did you mean SidecarContainers",
        ),
        ("1.30", {"ImageVolume": True}, "featureGates: unrecognized feature gate: ImageVolume"),
        (
            "1.36",
            {"ImageVolume": False},
            "featureGates: cannot set feature gate ImageVolume to false, feature is locked to true",
        ),
        (
            "1.36",
            {"GracefulNodeShutdown": False, "GracefulNodeShutdownBasedOnPodPriority": False},
            f"featureGates: WindowsGracefulNodeShutdown {DEPENDS} [GracefulNodeShutdown]",
        ),
        (
            "1.36",
            {"NodeDeclaredFeatures": False, "ContainerRestartRules": False},
            (
                f"featureGates: [ExtendWebSocketsToKubelet {DEPENDS} [NodeDeclaredFeatures], "
                f"InPlacePodLevelResourcesVerticalScaling {DEPENDS} [NodeDeclaredFeatures], "
                f"InPlacePodVerticalScalingInitContainers {DEPENDS} [NodeDeclaredFeatures], "
                f"RestartAllContainersOnContainerExits {DEPENDS} [ContainerRestartRules NodeDeclaredFeatures]]"
            ),
        ),
    ],
)
def test_refused_overrides(version: str, overrides: dict[str, bool], message: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve_gates(version, overrides)
    assert str(caught.value).removesuffix("; did you mean ImageVolume") == message


def test_a_locked_gate_may_be_set_to_its_default() -> None:
    assert resolve_gates("1.36", {"ImageVolume": True})["ImageVolume"]


def test_dependencies_were_not_checked_before_1_35() -> None:
    gates = resolve_gates("1.30", {"GracefulNodeShutdown": False})
    assert gates["GracefulNodeShutdownBasedOnPodPriority"]


def test_stage_switches_set_every_gate_of_the_stage_not_named() -> None:
    left_off = dict.fromkeys(NOT_EMULATED, False) | {"EventedPLEG": False}
    gates = resolve_gates(
        "1.34", {"AllAlpha": True, "AllBeta": False} | {k: v for k, v in left_off.items() if k in feature_gates("1.34")}
    )
    assert gates["ContainerStopSignals"]
    assert not gates["EventedPLEG"]
    assert not gates["GracefulNodeShutdown"]
    assert gates["SidecarContainers"]


def test_default_gates_are_the_newest_versions() -> None:
    assert resolve_gates(NEWEST_VERSION) == DEFAULT_GATES
    assert gate_enabled(DEFAULT_GATES, "RestartAllContainersOnContainerExits")


def test_a_misspelt_gate_in_our_own_code_fails() -> None:
    with pytest.raises(AssertionError, match="NoSuchGate"):
        gate_enabled(DEFAULT_GATES, "NoSuchGate")


@given(version=st.sampled_from(VERSIONS), overrides=st.dictionaries(st.sampled_from(sorted(CELLS)), st.booleans()))
def test_resolving_gives_what_was_asked_for_or_refuses(version: str, overrides: dict[str, bool]) -> None:
    known = feature_gates(version)
    try:
        gates = resolve_gates(version, overrides)
    except InputError:
        return
    assert set(gates) - {"PodHostIPs", "PodDisruptionConditions"} <= set(known) <= set(gates)
    for name, gate in known.items():
        assert gates[name] == overrides.get(name, gate.default)
        assert not gate.locked or gates[name] == gate.default


def test_a_version_is_text() -> None:
    with pytest.raises(InputError, match=r'^feature_gates\(version\): 1\.33 is of type float; give text, such as "1\.'):
        feature_gates(1.33)  # type: ignore[arg-type] # what a forgotten pair of quotes gives
