"""The built-in profiles say what the real runtimes do, version by version."""

import json
import re
from importlib.resources import files

import pytest

from kubesim.cri.methods import METHODS
from kubesim.errors import InputError
from kubesim.model.yaml_text import load_document
from kubesim.policy.runtime_profile_compiled import compiled, restored
from kubesim.policy.runtime_profile_layers import read_layer
from kubesim.policy.runtime_profile_report import compare_profiles, describe_profile
from kubesim.policy.runtime_profile_rpcs import CRI_RPCS
from kubesim.policy.runtime_profile_schema import switches as all_switches
from kubesim.policy.runtime_profile_schema import value_of
from kubesim.runtime.profiles import (
    DEFAULT_PROFILE,
    load_profile,
    patch_levels,
    profile_from_document,
    profile_names,
)

CONTAINERD = [
    "containerd-1.6",
    "containerd-1.7",
    "containerd-2.0",
    "containerd-2.1",
    "containerd-2.2",
    "containerd-2.3",
]
CRIO = [f"cri-o-1.{minor}" for minor in range(28, 37)]


def test_the_names_in_order():
    assert list(profile_names()) == [*CONTAINERD, *CRIO, "ideal"]
    assert DEFAULT_PROFILE in profile_names()


def test_the_rpcs_are_those_of_the_wire_contract():
    assert set(CRI_RPCS) == set(METHODS)


def test_the_identity_cve_table():
    """Ids beyond int32: wrap, then count as names, then are refused. Patch levels at the borders."""
    expected = {
        "wraps": "1.6.0 1.6.37 1.7.0 1.7.26 2.0.0 2.0.3",
        "name": "1.6.38 1.6.39 1.7.27 1.7.31 2.0.4 2.0.8 2.1.0 2.1.7 2.2.0 2.2.3 2.3.0",
        "error": "1.7.32 1.7.34 2.0.9 2.0.11 2.1.8 2.1.9 2.2.4 2.2.7 2.3.1 2.3.4",
    }
    deviation = {"wraps": "numeric-user-wraps", "name": "numeric-user-is-a-name"}
    for behaviour, versions in expected.items():
        for version in versions.split():
            profile = load_profile(f"containerd-{version}")
            found = {item.id for item in profile.deviations if item.id.startswith("numeric-user")}
            assert profile.identity.numeric_overflow == behaviour, version
            assert found == ({deviation[behaviour]} if behaviour in deviation else set()), version


NO_HINT = "failed to reserve container name {name!q}: name {name!q} is reserved for {holder!q}"
HINT = (
    "failed to reserve container name {name!q}; check if another CreateContainer request is in progress: name {name!q} "
    "is reserved for {holder!q}"
)


@pytest.mark.parametrize(
    ("key", "at", "before", "since"),
    [
        ("identity.includesPrimaryGid", "containerd-1.6.18", "false", "true"),
        ("containers.resourcesInStatus", "containerd-1.6.9", "false", "true"),
        ("rpcs.GetContainerEvents", "containerd-1.6.9", "unknown-method", "unimplemented-method"),
        ("pauseImage", "containerd-1.6.9", "k8s.gcr.io/pause:3.6", "registry.k8s.io/pause:3.6"),
        (
            "status.conditions",
            "containerd-1.6.29",
            '["RuntimeReady", "NetworkReady"]',
            '["RuntimeReady", "NetworkReady", "ContainerdHasNoDeprecationWarnings"]',
        ),
        (
            "status.conditions",
            "containerd-1.7.14",
            '["RuntimeReady", "NetworkReady"]',
            '["RuntimeReady", "NetworkReady", "ContainerdHasNoDeprecationWarnings"]',
        ),
        ("identity.accountFileBytesMax", "containerd-1.7.33", "null", "10485760"),
        ("identity.accountFileBytesMax", "containerd-2.0.10", "null", "10485760"),
        ("identity.accountFileBytesMax", "containerd-2.1.9", "null", "10485760"),
        ("identity.accountFileBytesMax", "containerd-2.2.5", "null", "10485760"),
        ("identity.accountFileBytesMax", "containerd-2.3.2", "null", "10485760"),
        ("identity.accountFileLinks", "containerd-2.2.3", "relative", "last-absolute"),
        ("status.handlersOrder", "containerd-2.1.4", "unsorted", "sorted"),
        ("imageVolumes.userNamespaces", "containerd-2.1.7", "start-fails", "works"),
        ("imageVolumes.userNamespaces", "containerd-2.2.2", "start-fails", "works"),
        ("images.pullProgressTimeoutSeconds", "containerd-1.7.10", "60", "300"),
        ("images.pullProgressTimeoutSeconds", "cri-o-1.30.14", "10", "0"),
        ("images.pullProgressTimeoutSeconds", "cri-o-1.31.9", "10", "0"),
        ("images.pullProgressTimeoutSeconds", "cri-o-1.32.4", "10", "0"),
        ("criApiVersion", "containerd-1.6.9", "0.23", "0.25"),
        ("criApiVersion", "containerd-1.7.1", "0.26", "0.27"),
        ("rpcs.UpdatePodSandboxResources", "containerd-2.2.3", "not-implemented-yet", "not-implemented"),
        ("identity.numericOverflow", "containerd-2.0.9", "name", "error"),
        ("identity.numericOverflow", "containerd-2.1.8", "name", "error"),
        ("containers.createInStoppedSandbox", "containerd-2.2.6", "taken", "refused"),
        ("containers.createInStoppedSandbox", "containerd-2.3.3", "taken", "refused"),
        ("wording.containerNameReserved", "containerd-2.1.7", NO_HINT, HINT),
        ("wording.containerNameReserved", "containerd-2.2.2", NO_HINT, HINT),
        ("containers.updateBelowUsage", "cri-o-1.33.4", "kernel", "refused"),
        ("streaming.forwardReadError", "containerd-1.6.36", "read", "writeto"),
        ("streaming.forwardReadError", "containerd-1.7.21", "read", "writeto"),
        ("images.pullError", "cri-o-1.33.4", "artifact-or-image", "image-or-artifact"),
        ("images.artifactPull", "containerd-1.6.25", "all-blobs-unpacked", "image-layers-unpacked"),
        ("images.artifactPull", "containerd-1.7.7", "all-blobs-unpacked", "image-layers-unpacked"),
        ("images.artifactLookup", "cri-o-1.35.1", "short-names", "full-names"),
        ("images.artifactPinning", "cri-o-1.35.2", "always", "by-name"),
        ("images.pullError", "cri-o-1.35.1", "image-or-artifact", "image-or-artifact-unless-network"),
        ("images.pullReturns", "cri-o-1.35.2", "repo-digest", "id"),
        ("identity.generatesGroupLine", "cri-o-1.28.11", "false", "true"),
        ("identity.generatesGroupLine", "cri-o-1.29.9", "false", "true"),
        ("identity.generatesGroupLine", "cri-o-1.30.6", "false", "true"),
        ("containers.statusImageRef", "cri-o-1.28.4", "image-id", "repo-digest"),
        ("containers.listImageRef", "cri-o-1.28.4", "image-id", "repo-digest"),
        ("containers.statusImageRef", "cri-o-1.29.2", "image-id", "repo-digest"),
        ("containers.listImageRef", "cri-o-1.29.2", "image-id", "repo-digest"),
        ("identity.homeNewlineCheck", "cri-o-1.36.3", "escaped", "newline"),
    ],
)
def test_what_a_patch_changed(key, at, before, since):
    name, _, patch = at.rpartition(".")
    older = {row.key: row.value for row in describe_profile(load_profile(f"{name}.{int(patch) - 1}"))}
    newer = {row.key: row.value for row in describe_profile(load_profile(at))}

    assert (older[key], newer[key]) == (before, since)


def test_the_version_is_that_of_the_patch_level():
    assert load_profile("containerd-2.0.3").runtime_version == "v2.0.3"
    assert load_profile("containerd-2.0.3").name == "containerd-2.0.3"
    assert load_profile("containerd-2.3").runtime_version == "v2.3.4"
    assert load_profile("cri-o-1.36").runtime_version == "1.36.3"
    assert load_profile("containerd-2.3.4") != load_profile("containerd-2.3.0")


def test_ideal_supports_everything_and_deviates_nowhere():
    ideal = load_profile("ideal")

    assert ideal.deviations == ()
    assert set(ideal.rpcs.values()) == {"served"}
    assert (ideal.status.supplemental_groups_policy, ideal.status.user_namespaces_host_network) == (True, True)
    assert (ideal.image_volumes.sub_path, ideal.image_volumes.artifacts) == ("files-and-directories", True)
    assert ideal.image_volumes.status_has_image_ref
    assert ideal.identity.strict_adds_primary_without_user
    assert not ideal.identity.skips_own_name_group


def test_default_capabilities_are_the_masks_of_the_runtimes():
    # The numbers of linux/capability.h.
    bits = {
        "CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "FSETID": 4, "KILL": 5, "SETGID": 6, "SETUID": 7, "SETPCAP": 8,
        "NET_BIND_SERVICE": 10, "NET_RAW": 13, "SYS_CHROOT": 18, "MKNOD": 27, "AUDIT_WRITE": 29, "SETFCAP": 31,
    }  # fmt: skip
    for name, mask in (("containerd-2.3", 0xA80425FB), ("cri-o-1.36", 0x5FB)):
        names = load_profile(name).containers.default_capabilities
        assert sum(1 << bits[capability.removeprefix("CAP_")] for capability in names) == mask


@pytest.mark.parametrize("name", profile_names())
def test_every_patch_level_loads_and_each_switch_has_a_reason(name):
    for level in patch_levels(name):
        profile = load_profile(f"{name}.{level}")
        assert profile.runtime_version.endswith(f".{level}")
    profile = load_profile(name)
    assert set(profile.reasons) == set(all_switches())
    assert all(row.value for row in describe_profile(profile))


@pytest.mark.parametrize("name", profile_names())
def test_a_file_states_what_changes_and_nothing_else(name):
    """No change is empty, holds at no patch level, or sets what the parent has and the file itself does not touch."""
    text = files("kubesim.runtime.profiles").joinpath(f"{name}.yaml").read_text()
    layer = read_layer(load_document(text, name=name))
    levels = patch_levels(name) or [None]

    assert layer.name == name
    for change in layer.changes:
        assert any(change.holds_at(level) for level in levels), change.where
        assert change.settings or change.deviations or change.fixes, change.where
    if layer.extends:
        parent = load_profile(layer.extends)
        for change in layer.changes:
            for key, value in change.settings.items():
                others = [
                    other.settings[key] for other in layer.changes if key in other.settings and other is not change
                ]
                assert value != value_of(parent, all_switches()[key]) or others, f"{change.where}: {key}"


def test_an_upgrade_as_differences():
    rows = {row.key: row for row in compare_profiles(load_profile("containerd-1.7"), load_profile("containerd-2.0"))}

    assert (rows["identity.knowsPolicy"].before, rows["identity.knowsPolicy"].after) == ("false", "true")
    assert "KEP-3619" in rows["identity.knowsPolicy"].why
    assert "imageVolumes.mounts" not in rows


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("containerd-2", "unknown profile 'containerd-2', did you mean 'containerd-2.3'?"),
        ("crio-1.30", "did you mean 'cri-o-1.30'?"),
        ("docker-20.10.3", "unknown profile 'docker-20.10.3'; known profiles: containerd-1.6, "),
        ("", "unknown profile ''"),
        ("containerd-2.3.9", "kubesim knows containerd-2.3.0 to containerd-2.3.4"),
        ("ideal-1.0", "unknown profile 'ideal-1.0'"),
        ("no/such.yaml", "no/such.yaml: cannot read the profile: No such file or directory; give the path"),
    ],
)
def test_unknown_profiles(name, message):
    with pytest.raises(InputError) as error:
        load_profile(name)

    assert message in str(error.value)


def test_patch_levels():
    assert list(patch_levels("containerd-2.3")) == [0, 1, 2, 3, 4]
    assert list(patch_levels("ideal")) == []
    with pytest.raises(InputError, match="unknown profile 'x'"):
        patch_levels("x")


def write(path, extends, changes):
    path.write_text(
        "apiVersion: kubesim/v1\nkind: RuntimeProfile\nmetadata: {name: mine}\n"
        f"spec:\n  extends: {extends}\n  changes: {changes}\n"
    )
    return str(path)


def test_a_profile_of_ones_own(tmp_path):
    path = write(tmp_path / "mine.yaml", "containerd-2.0.3", "[{why: ours, set: {defaultHandler: kata}}]")

    profile = load_profile(path)

    assert (profile.name, profile.default_handler, profile.runtime_version) == ("mine", "kata", "v2.0.3")
    assert profile.identity.numeric_overflow == "wraps"
    assert profile.reasons["defaultHandler"].layer == "mine"


@pytest.mark.parametrize(
    ("extends", "changes", "message"),
    [
        ("containerd-2.9", "[]", r"mine.yml:5:12: unknown profile 'containerd-2.9', did you mean 'containerd-2.3'"),
        ("containerd-2.3", "[{why: w, set: {pauseimage: x}}]", r"mine.yml:6:28: .*did you mean 'pauseImage'"),
        ("containerd-2.3", "[{why: w", r"mine.yml:\d+:\d+: not valid YAML"),
        ("", "[]", r"mine.yml:1:1: profile 'mine' does not set texts, operatingSystems, runtimeName \.\.\."),
    ],
)
def test_a_wrong_profile_of_ones_own(tmp_path, extends, changes, message):
    path = write(tmp_path / "mine.yml", extends or "''", changes)

    with pytest.raises(InputError) as error:
        load_profile(path)

    assert re.search(message, str(error.value))


@pytest.mark.parametrize("name", profile_names())
def test_what_is_loaded_is_what_the_documents_say(name: str) -> None:
    written = profile_from_document(name)

    assert load_profile(name) == written, "run scripts/genprofiles"
    assert restored(json.loads(json.dumps(compiled(written)))) == written
    assert load_profile(name).reasons == written.reasons
