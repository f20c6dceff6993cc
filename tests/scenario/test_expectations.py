"""What `expect` looks at, how it compares, and what it says when it does not hold."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

import kubesim
from kubesim.errors import InputError
from kubesim.model.scenario_document import Expect
from kubesim.scenario.expectations import judge

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app.example/name: web}}
spec:
  securityContext: {runAsUser: 1000, runAsGroup: 3000, supplementalGroups: [4000]}
  initContainers:
  - name: done
    image: registry.k8s.io/e2e-test-images/agnhost:2.45
    command: ["true"]
  containers:
  - name: ctr
    image: registry.k8s.io/e2e-test-images/agnhost:2.45
    command: [sleep, 1h]
  - name: failing
    image: registry.k8s.io/e2e-test-images/agnhost:2.45
    command: ["false"]
"""
IDENTITY = {"uid": 1000, "gid": 3000, "supplementalGroups": [3000, 4000, 50000]}
USER = "status.containerStatuses[name=ctr].user.linux"


@pytest.fixture(scope="module")
def node() -> Iterator[kubesim.Node]:
    """A node with one pod whose second container crashes. Only commands in its containers move its clock."""
    with kubesim.Node() as one:
        one.apply(POD)
        one.advance("15s")
        yield one


def expect(**fields: Any) -> Expect:
    return msgspec.convert(fields, Expect)


HOLDING: list[dict[str, Any]] = [
    {"pod": "default/web", "path": "status.phase", "equals": "Running"},
    {"pod": "default/web", "path": USER, "equals": IDENTITY},
    {"pod": "default/web", "path": USER, "contains": {"uid": 1000}},
    {"pod": "default/web", "path": f"{USER}.supplementalGroups", "contains": 50000},
    {"pod": "default/web", "path": f"{USER}.supplementalGroups", "contains": [4000, 3000]},
    {"pod": "default/web", "path": f"{USER}.supplementalGroups", "count": 3},
    {"pod": "default/web", "path": f"{USER}.supplementalGroups", "contains": 4000, "count": 3},
    {"pod": "default/web", "path": 'metadata.labels["app.example/name"]', "matches": "^w.b$"},
    {"pod": "default/web", "path": "status.phase", "contains": "unn"},
    {"pod": "default/web", "path": "status.reason", "absent": True},
    {"pod": "default/web", "path": "status.phase", "absent": False},
    {"pod": "default/gone", "absent": True},
    {"pod": "default/web", "matches": "FINDME|containerStatuses.*failing"},
    {"node": True, "path": "status.conditions[type=Ready].status", "equals": "True"},
    {"node": True, "path": "spec.unschedulable", "absent": True},
    {"journal": {"method": "RunPodSandbox"}, "count": 1},
    {"journal": {"method": "RunPodSandbox"}},
    {"journal": {"method": "RunPodSandbox", "error": "OK"}, "path": "[0].request.config.hostname", "equals": "web"},
    {"journal": {"method": "CreateContainer", "request": {"config": {"metadata": {"name": "ctr"}}}}, "count": 1},
    {"journal": {"method": "StopPodSandbox"}, "absent": True},
    {"journal": {"method": "StopPodSandbox"}, "count": 0},
    {"event": {"pod": "default/web", "reason": "BackOff", "type": "Warning"}},
    {"event": {"pod": "default/web", "messageMatches": "^Back-off restarting failed container failing"}},
    {"event": {"reason": "Starting"}},
    {"event": {"pod": "default/web", "reason": "Killing"}, "absent": True},
    {"exec": {"pod": "default/web", "command": ["id"]}, "path": "stdout", "contains": "50000"},
    {"exec": {"pod": "default/web", "command": ["false"]}, "path": "exitCode", "equals": 1},
    {"exec": {"pod": "default/web", "command": ["cat", "/nope"]}, "path": "stderr", "matches": "No such file"},
    {"exec": {"pod": "default/web", "command": ["nonsense"]}, "path": "error", "contains": "not found"},
    {"timeline": {"actor": "logind"}, "absent": True},
    {"pod": "default/web", "path": f"{USER}.uid", "atLeast": 1000},
    {"pod": "default/web", "path": f"{USER}.uid", "atMost": 1000.5},
    {"pod": "default/web", "path": f"{USER}.supplementalGroups", "atLeast": 3},
    {"journal": {"method": "RunPodSandbox"}, "atMost": 1},
    {"journal": {"method": "StopPodSandbox"}, "atMost": 0},
]  # fmt: skip


@pytest.mark.parametrize("fields", HOLDING, ids=repr)
def test_it_holds(fields: dict[str, Any], node: kubesim.Node) -> None:
    judgement = judge(expect(**fields), node)

    assert judgement.holds, judgement.text


FAILING: list[tuple[dict[str, Any], str]] = [
    (
        {"pod": "default/web", "path": "status.phase", "equals": "Failed"},
        'pod default/web status.phase: expected "Failed", found "Running"',
    ),
    (
        {"pod": "default/web", "path": f"{USER}.supplementalGroups", "equals": [3000, 4000]},
        f"pod default/web {USER}.supplementalGroups: expected [3000, 4000], found [3000, 4000, 50000]",
    ),
    (
        {"pod": "default/web", "path": "status.reason", "equals": None},
        "pod default/web status.reason: expected null, found nothing",
    ),
    (
        {"pod": "default/web", "path": "status.phase", "matches": "^un"},
        'pod default/web status.phase: expected a match of /^un/, found "Running"',
    ),
    (
        {"pod": "default/web", "path": "status.reason", "matches": "nothing"},
        "pod default/web status.reason: expected a match of /nothing/, found nothing",
    ),
    (
        {"pod": "default/web", "path": f"{USER}.supplementalGroups", "contains": [4000, 1]},
        f"pod default/web {USER}.supplementalGroups: expected [4000, 1] in it, found [3000, 4000, 50000]",
    ),
    (
        {"pod": "default/web", "path": f"{USER}.uid", "contains": 1},
        f"pod default/web {USER}.uid: expected 1 in it, found 1000",
    ),
    (
        {"pod": "default/web", "path": "status.phase", "absent": True},
        'pod default/web status.phase: expected nothing, found "Running"',
    ),
    (
        {"pod": "default/web", "path": "status.reason", "absent": False},
        "pod default/web status.reason: expected something, found nothing",
    ),
    (
        {"pod": "default/web", "path": f"{USER}.supplementalGroups", "count": 2},
        f"pod default/web {USER}.supplementalGroups: expected 2, found 3: [3000, 4000, 50000]",
    ),
    (
        {"pod": "default/web", "path": f"{USER}.uid", "atMost": 999},
        f"pod default/web {USER}.uid: expected at most 999, found 1000",
    ),
    (
        {"pod": "default/web", "path": "status.phase", "atLeast": 1},
        'pod default/web status.phase: expected at least 1, found "Running"',
    ),
    (
        {"node": True, "path": "spec.unschedulable", "atMost": 1},
        "node spec.unschedulable: expected at most 1, found nothing",
    ),
    (
        {"pod": "default/web", "path": "status.containerStatuses[name=ctr].ready", "atLeast": 1},
        "pod default/web status.containerStatuses[name=ctr].ready: expected at least 1, found true",
    ),
    (
        {"journal": {"method": "StopPodSandbox"}, "atLeast": 1},
        "journal StopPodSandbox: expected at least 1, found 0: []",
    ),
    ({"pod": "default/gone", "path": "x", "equals": 1}, "default/gone: there is no such pod; pods: default/web"),
    (
        {"event": {"pod": "default/web", "reason": "Killing"}},
        "events default/web Killing: expected something, found []",
    ),
    ({"journal": {"method": "StopPodSandbox"}}, "journal StopPodSandbox: expected something, found []"),
    ({"journal": {"method": "StopPodSandbox"}, "count": 1}, "journal StopPodSandbox: expected 1, found 0: []"),
    ({"timeline": {"what": "pod ended"}, "count": 5}, 'timeline {"what": "pod ended"}: expected 5, found 0: []'),
    (
        {"exec": {"pod": "default/web", "command": ["echo", "a"]}, "path": "stdout", "equals": "b"},
        'exec echo a in default/web stdout: expected "b", found "a\\n"',
    ),
    (
        {"cri": {"method": "PodSandboxStatus"}, "path": "response.status", "equals": 1},
        (
            "cri PodSandboxStatus response.status: expected 1, found nothing; error: "
            '{"code": "Unknown", "message": "an error occurred when try to find sandbox: prefix can\'t be empty"}'
        ),
    ),
    (
        {"exec": {"pod": "default/web", "command": ["id"], "container": "done"}, "path": "stdout", "equals": ""},
        'default/web: container "done" is not running; advance until it is, and no further',
    ),
]


@pytest.mark.parametrize(("fields", "text"), FAILING, ids=[text for _, text in FAILING])
def test_both_sides_are_shown(fields: dict[str, Any], text: str, node: kubesim.Node) -> None:
    judgement = judge(expect(**fields), node)

    assert (judgement.holds, judgement.text) == (False, text)


def test_a_count_holds_beside_a_matcher(node: kubesim.Node) -> None:
    groups = {"pod": "default/web", "path": f"{USER}.supplementalGroups", "contains": 4000}

    assert judge(expect(**groups, count=3), node).holds
    judgement = judge(expect(**groups, count=2), node)
    assert not judgement.holds
    assert judgement.text.endswith("expected 4000 in it and 2, found 3: [3000, 4000, 50000]")


def test_an_exec_that_cannot_run_is_not_absent_output(node: kubesim.Node) -> None:
    fields = {"exec": {"pod": "default/gone", "command": ["id"]}, "path": "stdout", "absent": True}

    assert not judge(expect(**fields), node).holds


def test_a_long_value_is_cut_in_the_text_only(node: kubesim.Node) -> None:
    judgement = judge(expect(pod="default/web", matches="FINDME"), node)

    assert not judgement.holds
    assert len(judgement.text) < 500
    assert judgement.text.endswith("...")


def test_a_path_that_cannot_be_read_is_bad_input(node: kubesim.Node) -> None:
    with pytest.raises(InputError, match=r"cannot read the path 'status\[\[' from '\[\[' on"):
        judge(expect(pod="default/web", path="status[[", equals=1), node)
