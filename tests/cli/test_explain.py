"""`kubesim explain identity`: the answer, one row per decision, what nobody could have seen, and what differs."""

import json
from pathlib import Path
from typing import Any

import pytest

from kubesim.cli import main

PODS = Path(__file__).parents[2] / "fixtures" / "pods"
AGNHOST = "registry.k8s.io/e2e-test-images/agnhost:2.45"
BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.29-2"

IMPLICIT_GROUPS = f"""\
default/implicit-groups container ctr, image {AGNHOST}, containerd-2.3, kubelet 1.36, policy Merge
uid=1000 gid=3000 groups=3000,4000,50000

BY       RULE                 OUTCOME  ID     FROM                     WHY
kubelet  image-user           note     -      image config             the image has no USER
kubelet  run-as-user          sent     1000   implicit-groups.yaml:9   spec.securityContext.runAsUser is 1000
kubelet  run-as-group         sent     3000   implicit-groups.yaml:10  spec.securityContext.runAsGroup is 3000
kubelet  supplemental-groups  sent     4000   implicit-groups.yaml:11  spec.securityContext.supplementalGroups[0] is 4000: supplemental_groups[0]
kubelet  policy               sent     -      -                        the manifest sets no supplementalGroupsPolicy, which means Merge
runtime  user-string          note     -      -                        the user string is '1000:3000', run_as_user and run_as_group
runtime  user                 uid      1000   -                        the user part is '1000'
runtime  group                gid      3000   -                        the group part is '3000'
runtime  primary-gid          added    3000   -                        the primary gid is always in the list
runtime  user-name            note     -      /etc/passwd:2            groups are looked for by name, and the first passwd line with the uid 1000 is that of 'user-defined-in-image'
runtime  group-member         added    50000  /etc/group:2             group 'group-defined-in-image' lists 'user-defined-in-image' as a member
runtime  requested            added    4000   -                        supplemental_groups[0] of the request is 4000

not in the manifest: group 50000
Strict would remove: 50000
"""  # noqa: E501  a table as it is printed

STRICT_ON_OLD = f"""\
default/explained container container, image {AGNHOST}, containerd-1.7, kubelet 1.36, policy Strict
refused by the kubelet (SupplementalGroupsPolicyNotSupported): Pod was rejected: SupplementalGroupsPolicy=Strict is not supported in this node

BY       RULE       OUTCOME  ID  FROM  WHY
kubelet  admission  refused  -   -     spec.securityContext.supplementalGroupsPolicy is Strict, and the runtime says nothing of a feature supplementalGroupsPolicy
"""  # noqa: E501

WINDOWS = f"""\
default/win container ctr, image {AGNHOST}, containerd-2.3, kubelet 1.36
user name ContainerUser; Windows has no uid, gid and groups

BY       RULE              OUTCOME  ID  FROM          WHY
kubelet  image-user        note     -   image config  the image has no USER
kubelet  run-as-user-name  sent     -   pod.yaml:7    spec.securityContext.windowsOptions.runAsUserName is ContainerUser
runtime  user-name         note     -   -             the process gets the user name 'ContainerUser' as it is; whether the image has it shows at the start
"""  # noqa: E501

COMPARED = f"""\
default/explained container container, image {AGNHOST}, kubelet 1.36
        containerd-1.6.17  containerd-1.6.18
groups  50000              3000,50000

only containerd-1.6.17:
RULE         OUTCOME   ID    FROM  WHY
primary-gid  left-out  3000  -     nothing puts the primary gid into the list

only containerd-1.6.18:
RULE         OUTCOME  ID    FROM  WHY
primary-gid  added    3000  -     the primary gid is always in the list

decided by identity.includesPrimaryGid
  containerd-1.6.17  false: the primary gid was not made a supplementary group (CVE-2023-25173, containerd-1.6)
  containerd-1.6.18  true: the identity rules of pkg/oci/spec_opts.go (containerd-1.6)
"""


def explain(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["explain", "identity", *arguments]) == 0
    return capsys.readouterr().out


def explained(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(explain(capsys, *arguments, "-o", "json"))
    return found


def test_the_table_says_where_each_group_comes_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(capsys, str(PODS / "implicit-groups.yaml")) == IMPLICIT_GROUPS


def test_a_refusal_is_an_answer_with_its_steps(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--image", AGNHOST, "--policy", "Strict", "--profile", "containerd-1.7"]

    assert explain(capsys, *options) == STRICT_ON_OLD
    (found,) = explained(capsys, *options)
    assert found["refusal"] == {
        "by": "kubelet",
        "reason": "SupplementalGroupsPolicyNotSupported",
        "message": "Pod was rejected: SupplementalGroupsPolicy=Strict is not supported in this node",
    }
    assert (found["uid"], found["gid"], found["supplementalGroups"], found["notInManifest"]) == (None,) * 4


def test_a_pod_for_windows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pod = tmp_path / "pod.yaml"
    pod.write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: win}\nspec:\n  os: {name: windows}\n  securityContext:\n"
        f"    windowsOptions: {{runAsUserName: ContainerUser}}\n  containers: [{{name: ctr, image: '{AGNHOST}'}}]\n"
    )

    assert explain(capsys, str(pod)) == WINDOWS
    assert [explained(capsys, str(pod))[0][key] for key in ("os", "username", "policy", "strict")] == [
        "windows",
        "ContainerUser",
        None,
        None,
    ]


def test_two_profiles_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--image", AGNHOST, "--run-as-user", "1000", "--run-as-group", "3000"]
    profiles = ["--profile", "containerd-1.6.17", "--compare", "containerd-1.6.18"]

    assert explain(capsys, *options, *profiles) == COMPARED
    (found,) = explained(capsys, *options, *profiles)
    assert (found["change"], found["before"]["supplementalGroups"]) == ("identity", [50000])
    assert found["after"]["supplementalGroups"] == [3000, 50000]
    assert [one["key"] for one in found["switches"]] == ["identity.includesPrimaryGid"]
    assert [one["rule"] for one in found["onlyAfter"]] == ["primary-gid"]


def test_the_same_under_two_profiles_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    out = explain(capsys, "--image", BUSYBOX, "--compare", "containerd-2.2")

    assert out.splitlines()[1:] == ["the same under containerd-2.3 and containerd-2.2: uid=0 gid=0 groups=0,10"]


def test_a_refusal_beside_an_identity(capsys: pytest.CaptureFixture[str]) -> None:
    out = explain(capsys, "--image", AGNHOST, "--policy", "Strict", "--compare", "cri-o-1.30")

    assert "answer  runs            refused" in out.splitlines()
    assert (
        "cri-o-1.30: refused by the kubelet (SupplementalGroupsPolicyNotSupported): Pod was rejected: "
        "SupplementalGroupsPolicy=Strict is not supported in this node"
    ) in out.splitlines()


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (["--image", BUSYBOX], ["not in the manifest: uid 0, gid 0, groups 0, 10", "Strict would remove: 10"]),
        (
            ["--image", BUSYBOX, "--run-as-user", "1", "--run-as-group", "2"],
            ["not in the manifest: nothing", "Strict would remove: nothing"],
        ),
        (
            ["--image", BUSYBOX, "--profile", "containerd-1.7"],
            [
                "not in the manifest: uid 0, gid 0, groups 0, 10",
                "Strict would remove: 10 (if containerd-1.7 knew it: it does not, and merges)",
            ],
        ),
    ],
)
def test_what_nobody_could_have_seen(
    arguments: list[str], lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(capsys, *arguments).splitlines()[-2:] == lines


def test_strict_may_help_against_a_refusal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = tmp_path / "image.yaml"
    lines = "\\n".join(["g:x:5:root"] * (1 << 20))
    image.write_text(
        "apiVersion: kubesim/v1\nkind: Image\nmetadata: {name: example.com/x:1}\n"
        f'spec: {{files: {{/etc/passwd: "root:x:0:0:::", /etc/group: "{lines}"}}}}\n'
    )
    out = explain(capsys, "--image", "example.com/x:1", "--images", str(image))

    assert out.splitlines()[-1] == "Strict would not be refused: uid=0 gid=0 groups=0"


def test_several_manifests_with_several_documents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (PODS / "implicit-groups.yaml").read_text()
    both = tmp_path / "both.yaml"
    both.write_text(f"{text}---\n{text.replace('name: implicit-groups', 'name: other')}")
    found = explained(capsys, str(both), str(PODS / "strict-supplementalgroups-policy.yaml"))

    names = ["default/implicit-groups", "default/other", "default/strict-supplementalgroups-policy"]
    assert [one["pod"] for one in found] == names
    assert len(explain(capsys, str(both)).split("\n\ndefault/")) == 2


def test_a_pod_that_could_not_run_here_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pod = tmp_path / "pod.yaml"
    pod.write_text(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  imagePullSecrets: [{name: s}]\n"
        "  volumes: [{name: data, persistentVolumeClaim: {claimName: c}}]\n"
        f"  containers: [{{name: c, image: '{BUSYBOX}', livenessProbe: {{exec: {{command: [ls]}}}}}}]\n"
    )
    (found,) = explained(capsys, str(pod))

    (text,) = [one["text"] for one in found["trace"] if one["rule"] == "volume-groups"]
    assert text.startswith("the volume 'data' may bring a group: annotation pv.beta.kubernetes.io/gid of its")


def test_the_gates_of_a_configuration_count(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "kubelet.yaml"
    config.write_text(
        "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"
        "featureGates: {SupplementalGroupsPolicy: true}\n"
    )
    options = ["--image", AGNHOST, "--policy", "Strict", "--profile", "containerd-1.7", "--kubelet-version", "1.32"]
    (dropped,) = explained(capsys, *options)
    (merged,) = explained(capsys, *options, "--node-config", str(config))

    assert (dropped["policy"], dropped["refusal"]) == ("Merge", None)
    assert (merged["policy"], merged["refusal"]) == ("Strict", None)
    assert [one["outcome"] for one in merged["trace"] if one["rule"] == "policy-ignored"] == ["note"]


def test_an_image_and_options_instead_of_a_manifest(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--image", AGNHOST, "--run-as-user", "1000", "--run-as-group", "3000", "--supplemental-groups", "4000"]
    (manifest,) = explained(capsys, str(PODS / "implicit-groups.yaml"))
    (found,) = explained(capsys, *options)

    same = ("uid", "gid", "supplementalGroups", "username", "notInManifest", "strict", "policy", "profile", "refusal")
    assert {name: found[name] for name in same} == {name: manifest[name] for name in same}
    assert [one["text"] for one in found["trace"]] == [one["text"] for one in manifest["trace"]]


def test_json_has_the_keys_that_the_help_lists(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = explained(capsys, str(PODS / "implicit-groups.yaml"), "--container", "ctr")
    (compared,) = explained(capsys, str(PODS / "implicit-groups.yaml"), "--compare", "cri-o-1.36")
    with pytest.raises(SystemExit):
        main(["explain", "identity", "--help"])
    help_text = capsys.readouterr().out

    assert [key for key in (*found, *compared) if key not in help_text] == []
    assert [(one["file"], one["line"]) for one in found["trace"] if one["gid"] == 50000] == [("/etc/group", 2)]
    assert found["trace"][0] == {
        "by": "kubelet",
        "rule": "image-user",
        "outcome": "note",
        "uid": None,
        "gid": None,
        "file": "image config",
        "line": None,
        "text": "the image has no USER",
    }


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "nothing to explain; give POD.yaml or --image REFERENCE"),
        ([str(PODS / "implicit-groups.yaml"), "--image", "x"], "a manifest says image and security context itself"),
        (
            [str(PODS / "implicit-groups.yaml"), "--run-as-user", "1"],
            "a manifest says image and security context itself",
        ),
        ([str(PODS / "implicit-groups.yaml"), "--container", "x"], 'no container "x"; containers: ctr'),
        (["--image", "example.com/x"], "example.com/x: no fixture holds this image; give it with --images"),
        (["--image", AGNHOST, "--profile", "docker"], "--profile: unknown profile 'docker'"),
        (["--image", AGNHOST, "--compare", "docker"], "--compare: unknown profile 'docker'"),
        (["--image", AGNHOST, "--run-as-user", "-1"], "runAsUser"),
        (["--image", AGNHOST, "--os", "windows", "--profile", "cri-o-1.36"], "cri-o has no build for windows"),
    ],
)
def test_wrong_arguments(arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "identity", *arguments]) == 2

    assert text in capsys.readouterr().err


def test_a_configmap_is_no_pod(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "map.yaml"
    file.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n")

    assert main(["explain", "identity", str(file)]) == 2
    text = f'kubesim: {file}:1:1: no pod and no template of pods; expected one of "Pod", "List", "CronJob", '
    assert capsys.readouterr().err.startswith(text)
