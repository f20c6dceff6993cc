"""Playing scenarios: every action, time, and what a step says."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from kubesim.errors import InputError
from kubesim.kubelet.start_error import KubeletStartError
from kubesim.model.scenario import ACTIONS, load_runs
from kubesim.model.yaml_text import load_document
from kubesim.scenario.replay import ScenarioResult, load_scenarios, replay

BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.29-2"
SECOND_NS = 1_000_000_000


def pod(**spec: Any) -> dict[str, Any]:
    container = {"name": "ctr", "image": BUSYBOX, "command": ["sleep", "1h"], **spec.pop("container", {})}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {"containers": [container], **spec},
    }


def text_of(*steps: dict[str, Any], node: dict[str, Any] | None = None) -> str:
    spec = {"node": node or {}, "steps": list(steps)}
    return yaml.safe_dump(
        {"apiVersion": "kubesim/v1", "kind": "Scenario", "metadata": {"name": "s"}, "spec": spec}, sort_keys=False
    )


def play(*steps: dict[str, Any], node: dict[str, Any] | None = None, folder: Path = Path()) -> ScenarioResult:
    document = load_document(text_of(*steps, node=node), name="s.yaml")
    [scenario] = load_runs(document)
    return replay(scenario, folder=folder)


def texts(result: ScenarioResult) -> list[tuple[float, str, bool | None]]:
    return [(step.at_ns / SECOND_NS, step.text, step.passed) for step in result.steps]


APPLY = {"at": "0s", "apply": [pod()]}
RUNNING = {"pod": "default/web", "path": "status.phase", "equals": "Running"}
RESTARTS = {"pod": "default/web", "path": "status.containerStatuses[0].restartCount"}


def test_apply_says_what_was_created() -> None:
    assert texts(play(APPLY, {"at": "5s", "expect": RUNNING})) == [
        (0.0, "created default/web", None),
        (5.0, 'pod default/web status.phase: expected "Running", found "Running"', True),
    ]


def test_the_size_of_the_machine() -> None:
    look = {"at": "1s", "expect": {"node": True, "path": "status.capacity.cpu", "equals": "2"}}
    assert play(look, node={"capacity": {"cpu": 2}}).passed
    with pytest.raises(InputError) as raised:
        play(look, node={"capacity": {"memory": "8Gi", "cpu": "2500m"}})
    assert str(raised.value) == "s.yaml:9:12: cpu: 2500m is a part of one; give a whole number"


def test_files_are_relative_to_the_folder(tmp_path: Path) -> None:
    (tmp_path / "pods").mkdir()
    (tmp_path / "pods" / "web.yaml").write_text(yaml.safe_dump(pod()))
    result = play({"at": "1s", "applyFiles": ["pods/web.yaml"]}, {"at": "5s", "expect": RUNNING}, folder=tmp_path)

    assert result.passed
    assert result.steps[0].text == "created default/web"


def test_image_fixtures_are_relative_to_the_folder(tmp_path: Path) -> None:
    (tmp_path / "image.yaml").write_text(
        "apiVersion: kubesim/v1\nkind: Image\nmetadata: {name: example.com/own:1}\n"
        "spec: {files: {/bin/: {userland: busybox}, /hello: there}}\n"
    )
    hello = {"pod": "default/web", "command": ["cat", "/hello"]}
    result = play(
        {"at": "0s", "apply": [pod(container={"image": "example.com/own:1"})]},
        {"at": "5s", "expect": {"exec": hello, "path": "stdout", "equals": "there"}},
        node={"images": ["image.yaml"]},
        folder=tmp_path,
    )

    assert result.passed, texts(result)


@pytest.mark.parametrize(
    "delete", ["default/web", {"pod": "default/web"}, {"pod": "default/web", "gracePeriodSeconds": 2}]
)
def test_delete(delete: object) -> None:
    result = play(
        APPLY,
        {"at": "5s", "delete": delete},
        {"at": "5s", "expect": {"pod": "default/web", "path": "metadata.deletionTimestamp", "absent": False}},
        {"at": "5s", "expect": {"pod": "default/web", "absent": True, "within": "40s"}},
    )

    assert result.passed, texts(result)


def test_delete_with_grace_zero_is_at_once() -> None:
    result = play(
        APPLY,
        {"at": "5s", "delete": {"pod": "default/web", "gracePeriodSeconds": 0}},
        {"at": "5s", "expect": {"pod": "default/web", "absent": True}},
    )

    assert result.passed, texts(result)


@pytest.mark.parametrize(
    ("action", "terminated"),
    [
        ({"exitCode": 3}, {"exitCode": 3, "reason": "Error"}),
        ({}, {"exitCode": 0, "reason": "Completed"}),
        ({"exitCode": 137, "reason": "OOMKilled", "container": "ctr"}, {"exitCode": 137, "reason": "OOMKilled"}),
    ],
)
def test_container_exit(action: dict[str, Any], terminated: dict[str, Any]) -> None:
    result = play(
        {"at": "0s", "apply": [pod(restartPolicy="Never")]},
        {"at": "5s", "containerExit": {"pod": "default/web", **action}},
        {
            "at": "5s",
            "expect": {
                "pod": "default/web",
                "path": "status.containerStatuses[0].state.terminated",
                "contains": terminated,
                "within": "5s",
            },
        },
    )

    assert result.passed, texts(result)


def test_exec_is_a_step_of_its_own() -> None:
    ls = {"pod": "default/web", "command": ["ls", "/"]}
    result = play(
        APPLY,
        {"at": "5s", "exec": {"pod": "default/web", "command": ["mkdir", "/made"]}},
        {"at": "5s", "exec": {"pod": "default/web", "command": ["nonsense"], "container": "ctr"}},
        {"at": "6s", "expect": {"exec": ls, "path": "stdout", "contains": "made"}},
    )

    assert result.steps[1].text == "mkdir /made: exit code 0"
    assert "nonsense" in result.steps[2].text
    assert "not found" in result.steps[2].text
    assert result.passed


def test_a_restarted_kubelet_leaves_containers_alone() -> None:
    result = play(
        APPLY,
        {"at": "10s", "restartKubelet": {"downFor": "30s"}},
        {"at": "40s", "expect": {"journal": {"method": "Version"}, "absent": False}},
        {"at": "60s", "expect": {**RESTARTS, "equals": 0}},
        {"at": "60s", "expect": {"journal": {"method": "RunPodSandbox"}, "count": 1}},
        {"at": "60s", "restartKubelet": {}},
        {"at": "70s", "expect": RUNNING},
    )

    assert result.passed, texts(result)
    assert result.steps[1].text == "down for 30s"


def test_a_restarted_runtime_is_away_for_a_while() -> None:
    result = play(
        APPLY,
        {"at": "10s", "restartRuntime": {"downFor": "45s"}},
        {"at": "50s", "expect": {"journal": {"method": "Status", "error": "Unavailable"}}},
        {"at": "50s", "expect": {"node": True, "path": "status.conditions[type=Ready].status", "equals": "False"}},
        {"at": "80s", "expect": {"node": True, "path": "status.conditions[type=Ready].status", "equals": "True"}},
        {"at": "80s", "expect": RUNNING},
        {"at": "80s", "expect": {**RESTARTS, "equals": 0}},
    )

    assert result.passed, texts(result)


def test_a_shutdown_and_its_cancellation() -> None:
    node_ready = {"node": True, "path": "status.conditions[type=Ready].status"}
    result = play(
        {"at": "0s", "apply": [pod(terminationGracePeriodSeconds=5, container={"command": ["sleep", "1h"]})]},
        {"at": "10s", "shutdown": {}},
        {"at": "11s", "expect": {**node_ready, "equals": "False"}},
        {"at": "12s", "cancelShutdown": {}},
        {"at": "40s", "expect": {**node_ready, "equals": "True"}},
        node={"config": {"shutdownGracePeriod": "30s", "shutdownGracePeriodCriticalPods": "10s"}},
    )

    assert result.passed, texts(result)
    assert next(row["what"] for row in result.timeline if row["actor"] == "kubelet") == "shutdown detected"


def test_a_windows_shutdown_cannot_be_cancelled() -> None:
    with pytest.raises(
        InputError, match=r"^s\.yaml:\d+:\d+: cancelShutdown: a Windows preshutdown cannot be cancelled"
    ):
        play({"at": "0s", "shutdown": {}}, {"at": "0s", "cancelShutdown": {}}, node={"os": "windows"})


def test_features_change_what_the_node_reports() -> None:
    features = {"node": True, "path": "status.features.supplementalGroupsPolicy"}
    result = play(
        {"at": "5s", "expect": {**features, "equals": True}},
        {"at": "5s", "setFeatures": {"supplementalGroupsPolicy": False}},
        {"at": "5s", "expect": {**features, "equals": False, "within": "30s"}},
    )

    assert result.passed, texts(result)


def test_a_tag_moves() -> None:
    agnhost = "registry.k8s.io/e2e-test-images/agnhost:2.45"
    result = play(
        {"at": "0s", "tagImage": {"image": BUSYBOX, "as": "example.com/app:1"}},
        {"at": "0s", "tagImage": {"image": agnhost, "as": "example.com/app:2"}},
        {"at": "1s", "apply": [pod(container={"image": "example.com/app:1"})]},
        {"at": "10s", "expect": RUNNING},
    )

    assert result.passed, texts(result)


def test_a_pod_is_evicted_when_memory_is_short() -> None:
    result = play(
        {"at": "0s", "apply": [pod()]},
        {"at": "5s", "fillMemory": "100%"},
        {"at": "40s", "expect": {"pod": "default/web", "path": "status.reason", "equals": "Evicted"}},
        {"at": "40s", "expect": {"node": True, "path": "status.conditions[0].status", "equals": "True"}},
    )

    assert result.passed, texts(result)


def test_a_full_disk_and_a_secret() -> None:
    data = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "1"}}
    result = play(
        {"at": "0s", "apply": [data, pod(imagePullSecrets=[{"name": "s"}])]},
        {"at": "0s", "fillDisk": "99%"},
        {"at": "1s", "delete": "secret/default/s"},
        {"at": "400s", "expect": {"event": {"reason": "FreeDiskSpaceFailed"}}},
        {"at": "400s", "expect": {"event": {"pod": "default/web", "reason": "FailedToRetrieveImagePullSecret"}}},
        node={"config": {"evictionHard": {}}},
    )

    assert result.passed, texts(result)
    assert [step.text for step in result.steps[:2]] == ["created secret/default/s, default/web", "other files take 99%"]


def test_a_config_map_that_is_deleted_and_comes_back() -> None:
    data = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": "1"}}
    web = pod(container={"envFrom": [{"configMapRef": {"name": "c"}}]})
    result = play(
        {"at": "0s", "apply": [data]},
        {"at": "0s", "delete": "configmap/default/c"},
        {"at": "0s", "apply": [web]},
        {"at": "5s", "expect": {"event": {"pod": "default/web", "reason": "Failed"}}},
        {"at": "5s", "apply": [data]},
        {"at": "40s", "expect": RUNNING},
    )

    assert result.passed, texts(result)


def test_within_stops_as_soon_as_it_holds() -> None:
    result = play(APPLY, {"at": "0s", "expect": {**RUNNING, "within": "30s"}}, {"at": "0s", "expect": RUNNING})

    assert result.passed
    assert 0 < result.steps[1].at_ns < 10 * SECOND_NS
    # A step whose time has passed is played at once.
    assert result.steps[2].at_ns == result.steps[1].at_ns


def test_within_runs_out() -> None:
    result = play(APPLY, {"at": "5s", "expect": {**RUNNING, "equals": "Failed", "within": "2s"}})

    assert texts(result)[1] == (7.0, 'pod default/web status.phase: expected "Failed", found "Running"', False)


def test_for_looks_until_the_end() -> None:
    result = play(APPLY, {"at": "5s", "expect": {**RUNNING, "for": "1m"}})

    assert result.passed
    assert result.steps[1].at_ns == 65 * SECOND_NS


def test_for_stops_when_it_no_longer_holds() -> None:
    crashing = pod(container={"command": ["sleep", "20"]})
    result = play({"at": "0s", "apply": [crashing]}, {"at": "5s", "expect": {**RESTARTS, "equals": 0, "for": "10m"}})
    at_s, text, passed = texts(result)[1]

    assert (passed, text.split(": ")[1]) == (False, "expected 0, found 1")
    assert 20 < at_s < 30


def test_a_failed_expectation_does_not_end_the_scenario() -> None:
    result = play(APPLY, {"at": "5s", "expect": {**RUNNING, "equals": "Failed"}}, {"at": "6s", "expect": RUNNING})

    assert [step.passed for step in result.steps] == [None, False, True]
    assert not result.passed


@pytest.mark.parametrize(
    ("step", "text"),
    [
        ({"delete": "default/gone"}, "delete: default/gone: there is no such pod; pods: none"),
        ({"applyFiles": ["gone.yaml"]}, r"applyFiles: gone\.yaml: cannot be read: No such file or directory"),
        ({"containerExit": {"pod": "default/gone"}}, "containerExit: default/gone: there is no such pod"),
        (
            {"addEphemeralContainer": {"pod": "default/gone", "container": {"name": "a", "image": "b"}}},
            "addEphemeralContainer: default/gone: there is no such pod",
        ),
        ({"resize": {"pod": "default/gone", "patch": {}}}, "resize: default/gone: there is no such pod"),
        ({"removeStatic": "default/gone"}, r"removeStatic: remove_static\(key\): this kubelet reads no static pods"),
        ({"applyStatic": [pod()]}, r"applyStatic: apply_static\(source\): this kubelet reads no static pods"),
        ({"setCondition": {"pod": "a/b", "type": "c", "status": "True"}}, "setCondition: a/b: there is no such pod"),
        ({"exec": {"pod": "default/gone", "command": ["id"]}}, "exec: default/gone: there is no such pod"),
        ({"fault": {"method": "Version", "delay": "1s"}}, "fault is not available yet; see"),
        ({"clearFault": {}}, "clearFault is not available yet; see"),
        ({"exec": {"pod": "a/b", "command": ["cat"], "stdin": "x"}}, "exec with stdin is not available yet; see"),
        ({"expect": {"exec": {"pod": "a/b", "command": ["c"], "stdin": "x"}}}, "exec with stdin is not available yet"),
        ({"tagImage": {"image": "example.com/none:1", "as": "b:1"}}, "tagImage: .*example.com/none:1"),
        ({"fillDisk": "1Ti"}, r"fillDisk: fill_disk\(amount\): 1Ti do not fit; the disk has 107374182400 bytes"),
        (
            {"setFeatures": {"userNamespace": True}},
            "no feature 'userNamespace', did you mean 'userNamespaces'\\?; feat",
        ),
        ({"expect": {"node": True, "path": "a[[", "equals": 1}}, "cannot read the path"),
        (
            {"apply": [pod(resourceClaims=[{"name": "c", "resourceClaimName": "x"}])]},
            "spec.resourceClaims: dynamic resource allocation",
        ),
        ({"cri": {"method": "Versoin"}}, "there is no CRI method 'Versoin', did you mean 'Version'\\?; name an RPC"),
        ({"cri": {"method": "GetContainerEvents"}}, "GetContainerEvents answers with a stream; send a call"),
        (
            {"cri": {"method": "Version", "request": {"versoin": "1"}}},
            "cri: call: no VersionRequest: .*no field named .versoin.",
        ),
        ({"expect": {"cri": {"method": "X"}, "path": "a", "equals": 1}}, "there is no CRI method 'X'; name an RPC"),
        (
            {"cri": {"method": "PodSandboxStatus", "request": {"pod_sandbox_id": "x"}, "as": "a"}},
            "cri: there is no answer to keep: .*not found.*; leave out `as`",
        ),
    ],
)
def test_a_step_that_cannot_be_played_is_bad_input_with_its_line(step: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=rf"^s\.yaml:\d+:\d+: .*{text}"):
        play({"at": "0s", **step})


def test_a_command_that_does_not_end_is_bad_input() -> None:
    with pytest.raises(
        InputError, match=r"^s\.yaml:\d+:\d+: exec: exec in default/web did not end within 1h of virtual"
    ):
        play(
            {"at": "0s", "apply": [pod(container={"command": ["sleep", "9h"]})]},
            {"at": "5s", "exec": {"pod": "default/web", "command": ["sleep", "2h"]}},
        )


def test_a_kubelet_that_does_not_start_says_why() -> None:
    with pytest.raises(KubeletStartError):
        play(APPLY, node={"config": {"shutdownGracePeriod": "10s", "shutdownGracePeriodCriticalPods": "20s"}})


def test_the_result_names_version_profile_and_seed() -> None:
    node = {"kubeletVersion": "1.33", "profile": "cri-o-1.33", "seed": 5}
    result = play({"at": "1s", "expect": {"node": True, "path": "status.nodeInfo", "absent": False}}, node=node)

    assert (result.kubelet_version, result.profile, result.seed) == ("1.33", "cri-o-1.33", 5)
    assert result.passed


def test_a_note_goes_with_its_step() -> None:
    result = play(
        {**APPLY, "note": "as users do"}, {"at": "5s", "note": "as fixed", "expect": RUNNING}, {**APPLY, "at": "6s"}
    )

    assert [step.note for step in result.steps] == ["as users do", "as fixed", ""]


def test_a_file_may_hold_several_scenarios(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(text_of(APPLY) + "---\n" + text_of(APPLY).replace("name: s", "name: t"))

    assert [one.name for one in load_scenarios(tmp_path / "s.yaml")] == ["s", "t"]


def test_every_action_is_tested_here() -> None:
    text = Path(__file__).read_text(encoding="utf-8")

    assert [name for name in ACTIONS if f'"{name}":' not in text] == []
