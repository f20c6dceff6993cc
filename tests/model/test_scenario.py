"""Scenario documents: steps in time order with one typed action each, and every mistake with its place."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from kubesim.errors import InputError
from kubesim.model.k8s_v1 import Pod
from kubesim.model.scenario import (
    ACTIONS,
    Apply,
    ApplyFiles,
    FillDisk,
    RemoveStatic,
    Scenario,
    SetFeatures,
    load_runs,
    scenario_schema,
)
from kubesim.model.scenario_document import (
    AddEphemeralContainer,
    CallPattern,
    CancelShutdown,
    ClearFault,
    ContainerExit,
    CriCall,
    Delete,
    EventPattern,
    Exec,
    Expect,
    Fault,
    FaultError,
    Resize,
    RestartKubelet,
    RestartRuntime,
    SetCondition,
    Shutdown,
    StepSpec,
    TagImage,
)
from kubesim.model.yaml_text import load_document

HEAD = "apiVersion: kubesim/v1\nkind: Scenario\nmetadata: {name: s}\nspec:\n"


def scenario_of(spec: str) -> Scenario:
    [run] = load_runs(load_document(HEAD + spec, name="s.yaml"))
    return run


def mistakes_of(spec: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        scenario_of(spec)
    return str(caught.value).splitlines()


def test_the_document_of_the_design() -> None:
    scenario = scenario_of("""\
  node: {os: linux, kubeletVersion: "1.36", profile: containerd-2.3, cgroupDriver: systemd, seed: 7, config: {}}
  steps:
    - at: 0s
      apply: [{apiVersion: v1, kind: Pod, metadata: {name: strict}, spec: {containers: [{name: c, image: x}]}}]
    - at: 10s
      expect: {pod: default/strict, path: "status.containerStatuses[0].user.linux.supplementalGroups", equals: [3000]}
    - at: 60s
      shutdown: {}
""")
    assert (scenario.name, scenario.node.seed, scenario.minor) == ("s", 7, 36)
    assert [(step.at_ns, step.name, step.where) for step in scenario.steps] == [
        (0, "apply", "s.yaml:7:7"),
        (10 * 10**9, "expect", "s.yaml:9:7"),
        (60 * 10**9, "shutdown", "s.yaml:11:7"),
    ]
    apply, expect, shutdown = (step.action for step in scenario.steps)
    assert isinstance(apply, Apply)
    [manifest] = apply.manifests
    assert isinstance(manifest.object, Pod)
    assert (manifest.key, manifest.object.spec.dns_policy) == ("default/strict", "ClusterFirst")
    path = "status.containerStatuses[0].user.linux.supplementalGroups"
    assert expect == Expect(pod="default/strict", path=path, equals=[3000])
    assert shutdown == Shutdown()


def test_the_node_has_defaults() -> None:
    node = scenario_of("  steps: []\n").node
    assert (node.os, node.kubelet_version, node.profile, node.cgroup_driver) == (
        "linux",
        "1.36",
        "containerd-2.3",
        "systemd",
    )
    assert scenario_of('  node: {kubeletVersion: "1.33.4"}\n  steps: []\n').minor == 33


@pytest.mark.parametrize(
    ("step", "action"),
    [
        ("applyFiles: [a.yaml, b.yaml]", ApplyFiles(paths=("a.yaml", "b.yaml"))),
        ("delete: default/a", Delete(pod="default/a")),
        ("delete: {pod: default/a, gracePeriodSeconds: 0}", Delete(pod="default/a", grace_period_seconds=0)),
        ("cancelShutdown: {}", CancelShutdown()),
        ("restartKubelet: {}", RestartKubelet()),
        ("restartKubelet: {downFor: 5s}", RestartKubelet(down_for="5s")),
        ("restartRuntime: {downFor: 5s}", RestartRuntime(down_for="5s")),
        ("containerExit: {pod: d/a, container: c, exitCode: 137, reason: OOMKilled}",
         ContainerExit(pod="d/a", container="c", exit_code=137, reason="OOMKilled")),
        ("addEphemeralContainer: {pod: d/a, container: {name: dbg, image: i}}",
         AddEphemeralContainer(pod="d/a", container={"name": "dbg", "image": "i"})),
        ("resize: {pod: d/a, patch: {spec: {containers: [{name: a}]}}}",
         Resize(pod="d/a", patch={"spec": {"containers": [{"name": "a"}]}})),
        ("removeStatic: d/a-node-1", RemoveStatic(pod="d/a-node-1")),
        ('setCondition: {pod: d/a, type: x/gate, status: "True"}',
         SetCondition(pod="d/a", type="x/gate", status="True")),
        ("fault: {method: PullImage, error: {message: no registry, code: Unavailable}, times: 2}",
         Fault(method="PullImage", error=FaultError(message="no registry", code="Unavailable"), times=2)),
        ("fault: {method: CreateContainer, delay: 3s, request: {pod_sandbox_id: a}}",
         Fault(method="CreateContainer", delay="3s", request={"pod_sandbox_id": "a"})),
        ("clearFault: {}", ClearFault()),
        ("clearFault: {name: PullImage}", ClearFault(name="PullImage")),
        ("exec: {pod: d/a, command: [id, -u]}", Exec(pod="d/a", command=["id", "-u"])),
        ("setFeatures: {supplementalGroupsPolicy: false}", SetFeatures(features={"supplementalGroupsPolicy": False})),
        ("tagImage: {image: a:1, as: a:latest}", TagImage(image="a:1", as_="a:latest")),
        ("fillDisk: 70%", FillDisk(amount="70%")),
        ("cri: {method: Version}", CriCall(method="Version")),
        ("cri: {method: RunPodSandbox, request: {config: {}}, as: a}",
         CriCall(method="RunPodSandbox", request={"config": {}}, as_="a")),
        ("expect: {cri: {method: Version}, path: error, absent: true}",
         Expect(cri=CriCall(method="Version"), path="error", absent=True)),
        ("expect: {metric: kubelet_x, atLeast: 0.5}", Expect(metric="kubelet_x", at_least=0.5)),
        ("expect: {journal: {method: Version}, atMost: 3}", Expect(journal=CallPattern(method="Version"), at_most=3)),
        ("expect: {metric: kubelet_x, equals: 1}", Expect(metric="kubelet_x", equals=1)),
        ("expect: {node: true, path: status.phase, absent: true}", Expect(node=True, path="status.phase", absent=True)),
        ("expect: {pod: d/a, path: status.reason, equals: null, for: 5s}",
         Expect(pod="d/a", path="status.reason", equals=None, for_="5s")),
        ("expect: {pod: d/a, path: status.message, matches: '^x', within: 30s}",
         Expect(pod="d/a", path="status.message", matches="^x", within="30s")),
        ("expect: {journal: {method: RunPodSandbox, error: OK}, count: 1}",
         Expect(journal=CallPattern(method="RunPodSandbox", error="OK"), count=1)),
        ("expect: {event: {pod: d/a, reason: Killing, messageMatches: Stopping}}",
         Expect(event=EventPattern(pod="d/a", reason="Killing", message_matches="Stopping"))),
        ("expect: {exec: {pod: d/a, command: [id]}, contains: 'uid=1000'}",
         Expect(exec=Exec(pod="d/a", command=["id"]), contains="uid=1000")),
        ("expect: {timeline: {signal: SIGTERM}, count: 5}", Expect(timeline={"signal": "SIGTERM"}, count=5)),
    ],
)  # fmt: skip
def test_actions(step: str, action: object) -> None:
    [found] = scenario_of(f"  steps:\n  - at: 1s\n    {step}\n").steps
    assert found.action == action
    assert found.name == step.partition(":")[0]


def test_null_is_a_value_to_expect() -> None:
    [given, left_out] = scenario_of(
        "  steps:\n  - {at: 0s, expect: {pod: d/a, equals: null}}\n  - {at: 0s, expect: {pod: d/a, contains: null}}\n"
    ).steps
    assert isinstance(given.action, Expect)
    assert isinstance(left_out.action, Expect)
    assert (given.action.equals, given.action.contains) == (None, UNSET)
    assert (left_out.action.equals, left_out.action.contains) == (UNSET, None)


QUOTES = 'expected a string, write "3" in quotes'
ONE_OF = f"expected exactly one of {', '.join(ACTIONS)}"
SUBJECTS = "expected exactly one of pod, node, journal, event, exec, timeline, cri, metric"
MATCHERS = "expected one of equals, matches, contains, atLeast, atMost, absent, count"


@pytest.mark.parametrize(
    ("step", "mistake"),
    [
        ("", f"6:5: $.spec.steps[0]: a step without an action; {ONE_OF}"),
        ("shutdown: {}, delete: d/a", f"6:5: $.spec.steps[0]: 2 actions in one step: delete, shutdown; {ONE_OF}"),
        ("shutdwn: {}", "6:14: $.spec.steps[0]: unknown field 'shutdwn', did you mean 'shutdown'?"),
        ("shutdown: ", "6:24: $.spec.steps[0].shutdown: shutdown is empty; write `shutdown: {}`"),
        ("delete: ", "6:22: $.spec.steps[0].delete: delete is empty"),
        ("shutdown: {now: 1}", "6:25: $.spec.steps[0].shutdown: unknown field 'now'; known fields: none"),
        ("delete: web", "6:22: $.spec.steps[0].delete: 'web' names no pod; expected namespace/name, e.g. default/web"),
        ("containerExit: {pod: web}", "6:35: $.spec.steps[0].containerExit.pod: 'web' names no pod; "),
        ("addEphemeralContainer: {pod: a, container: {}}",
         "6:43: $.spec.steps[0].addEphemeralContainer.pod: 'a' names no pod; "),
        ("addEphemeralContainer: {pod: d/a, container: {nmae: b}}",
         "6:60: $.spec.steps[0].addEphemeralContainer.container: unknown field 'nmae', did you mean 'name'?"),
        ("resize: {pod: a, patch: {}}", "6:28: $.spec.steps[0].resize.pod: 'a' names no pod; "),
        ("resize: {pod: d/a}", "6:22: $.spec.steps[0].resize: missing required field 'patch'"),
        ("removeStatic: a", "6:28: $.spec.steps[0].removeStatic: 'a' names no pod; "),
        ("applyStatic: [{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: []}}]",
         "6:96: spec.containers: Required value"),
        ("applyStatic: []",
         "6:27: $.spec.steps[0].applyStatic: applyStatic has nothing in it; give at least one manifest of a pod"),
        ("apply: []", "6:21: $.spec.steps[0].apply: apply has nothing in it; give at least one manifest"),
        ("applyFiles: []", "6:26: $.spec.steps[0].applyFiles: applyFiles has nothing in it; give at least one path "),
        ('setCondition: {pod: a, type: b, status: "True"}',
         "6:34: $.spec.steps[0].setCondition.pod: 'a' names no pod; "),
        ("setCondition: {pod: d/a, type: b, status: Sure}",
         "6:56: $.spec.steps[0].setCondition.status: "),
        ("exec: {pod: d/a, command: []}",
         "6:40: $.spec.steps[0].exec.command: no command; expected a list of at least one word"),
        ("exec: {pod: a, command: [b]}", "6:26: $.spec.steps[0].exec.pod: 'a' names no pod; "),
        ("restartKubelet: {downFor: 5}", "6:40: $.spec.steps[0].restartKubelet.downFor: found the number 5; "),
        ("restartRuntime: {downFor: 5x}",
         '6:40: $.spec.steps[0].restartRuntime.downFor: time: unknown unit "x" in duration "5x"; '),
        ("restartRuntime: {downFor: -5s}", "6:40: $.spec.steps[0].restartRuntime.downFor: -5s is negative"),
        ("fault: {method: A}", "6:21: $.spec.steps[0].fault: a fault needs an error or a delay"),
        ("fault: {method: A, delay: x}", '6:40: $.spec.steps[0].fault.delay: time: invalid duration "x"; '),
        ("tagImage: {image: A, as: b}", "6:32: $.spec.steps[0].tagImage.image: 'A' is no image name"),
        ("tagImage: {image: a, as: 'b c'}", "6:39: $.spec.steps[0].tagImage.as: 'b c' is no image name"),
        ("setFeatures: {a: 1}", "6:31: $.spec.steps[0].setFeatures.a: found the number 1; expected true or false"),
        ("cri: {method: A, request: {id: $(b.c)}}",
         ("6:45: $.spec.steps[0].cri.request.id: nothing before is kept as 'b'; "
         "write `as: b` in the cri step whose answer is meant")),
        ("cri: {method: A, as: b c}",
         "6:35: $.spec.steps[0].cri.as: 'b c' is no name; expected letters, digits, _ and -"),
        ("expect: {cri: {method: A}}", f"6:22: $.spec.steps[0].expect: nothing is expected; {MATCHERS}"),
        ("expect: {cri: {method: A, as: b}, path: a, equals: 1}",
         "6:44: $.spec.steps[0].expect.cri.as: an expectation keeps no answer; keep it with a cri step of its own"),
        ("expect: {metric: a}", f"6:22: $.spec.steps[0].expect: nothing is expected; {MATCHERS}"),
        ("apply: {}", "6:21: $.spec.steps[0].apply: found a mapping; expected a list, "),
        ("apply: [{kind: Pod}]", "6:22: $.spec.steps[0].apply[0]: missing 'apiVersion'; "),
        ("expect: {}", f"6:22: $.spec.steps[0].expect: nothing to look at; {SUBJECTS}"),
        ("expect: {node: false, count: 1}", f"6:22: $.spec.steps[0].expect: 1 subjects: node; {SUBJECTS}"),
        ("expect: {pod: d/a, node: true}", f"6:22: $.spec.steps[0].expect: 2 subjects: pod, node; {SUBJECTS}"),
        ("expect: {pod: d/a}", f"6:22: $.spec.steps[0].expect: nothing is expected; {MATCHERS}"),
        ("expect: {pod: d/a, equals: 1, absent: true}",
         "6:22: $.spec.steps[0].expect: 2 matchers: equals, absent; keep one of them"),
        ("expect: {pod: d/a, atLeast: 1, atMost: 2}",
         "6:22: $.spec.steps[0].expect: 2 matchers: atLeast, atMost; keep one of them"),
        ("expect: {pod: d/a, atLeast: many}",
         "6:42: $.spec.steps[0].expect.atLeast: found the text 'many'; expected an integer or a number"),
        ("expect: {pod: d/a, equals: 1, within: 1s, for: 1s}",
         "6:22: $.spec.steps[0].expect: both within and for; keep one of them"),
        ("expect: {pod: d/a, equals: 1, within: x}",
         '6:52: $.spec.steps[0].expect.within: time: invalid duration "x"; '),
        ("expect: {pod: d/a, equals: 1, for: -1s}", "6:49: $.spec.steps[0].expect.for: -1s is negative"),
        ("expect: {pod: d/a, matches: '('}",
         "6:42: $.spec.steps[0].expect.matches: '(' is no regular expression: missing )"),
        ("expect: {pod: a, equals: 1}", "6:28: $.spec.steps[0].expect.pod: 'a' names no pod; "),
        ("expect: {exec: {pod: d/a, command: []}}", "6:49: $.spec.steps[0].expect.exec.command: no command; "),
        ("expect: {event: {pod: a}}", "6:36: $.spec.steps[0].expect.event.pod: 'a' names no pod; "),
        ("expect: {event: {messageMatches: '('}}",
         "6:47: $.spec.steps[0].expect.event.messageMatches: '(' is no regular expression: "),
        ("expect: {event: {type: Info}}", "6:37: $.spec.steps[0].expect.event.type: unknown value 'Info'; "),
    ],
)  # fmt: skip
def test_mistakes_in_a_step(step: str, mistake: str) -> None:
    found = mistakes_of(f"  steps:\n  - {{at: 1s, {step}}}\n")
    assert len(found) == 1
    assert found[0].startswith(f"s.yaml:{mistake}")


@pytest.mark.parametrize(
    ("node", "mistakes"),
    [
        ('{kubeletVersion: "1.20"}',
         ["s.yaml:5:26: $.spec.node.kubeletVersion: unknown kubelet version '1.20'; expected \"1.28\" to \"1.36\""]),
        ('{kubeletVersion: new}',
         ["s.yaml:5:26: $.spec.node.kubeletVersion: unknown kubelet version 'new'; expected \"1.28\" to \"1.36\""]),
        ("{kubeletVersion: 1.36}",
         ['s.yaml:5:26: $.spec.node.kubeletVersion: found the number 1.36; expected a string, write "1.36" in quotes']),
        ("{os: mac}", ['s.yaml:5:14: $.spec.node.os: unknown value \'mac\'; expected one of "linux", "windows"']),
        ("{config: {syncFreqency: 1s, shutdownGracePeriod: 3}}",
         ["s.yaml:5:19: $.spec.node.config: unknown field 'syncFreqency', did you mean 'syncFrequency'?",
          f"s.yaml:5:58: $.spec.node.config.shutdownGracePeriod: found the number 3; {QUOTES}"]),
    ],
)  # fmt: skip
def test_mistakes_in_the_node(node: str, mistakes: list[str]) -> None:
    assert mistakes_of(f"  node: {node}\n  steps: []\n") == mistakes


def test_steps_are_in_the_order_of_time() -> None:
    assert mistakes_of("  steps:\n  - {at: 10s, shutdown: {}}\n  - {at: 5s, cancelShutdown: {}}\n") == [
        "s.yaml:7:10: $.spec.steps[1].at: 5s is before the step above; expected steps in the order of time"
    ]


def test_an_answer_is_kept_once_and_used_after_it() -> None:
    assert mistakes_of("""\
  steps:
  - {at: 0s, cri: {method: A, as: one}}
  - {at: 0s, cri: {method: B, request: {list: [{id: "$(one.items[0].id)"}], text: "$(id)", words: "x $(id)"}}}
  - {at: 0s, cri: {method: A, as: one}}
  - {at: 0s, expect: {cri: {method: A, request: {id: $(on)}}, path: error, absent: true}}
""") == [
        (
            "s.yaml:7:83: $.spec.steps[1].cri.request.text: nothing before is kept as 'id'; "
            "write `as: id` in the cri step whose answer is meant"
        ),
        "s.yaml:8:35: $.spec.steps[2].cri.as: 'one' is kept already; give each answer its own name",
        (
            "s.yaml:9:54: $.spec.steps[3].expect.cri.request.id: nothing before is kept as 'on', did you mean 'one'?; "
            "write `as: on` in the cri step whose answer is meant"
        ),
    ]


def test_mistakes_of_all_steps_come_at_once() -> None:
    found = mistakes_of("""\
  steps:
  - {at: x, shutdown: {}}
  - {at: 1s}
  - at: 2s
    apply:
    - {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [{name: c}, {name: d}]}}
""")
    assert [line.split(": ")[0] for line in found] == ["s.yaml:6:10", "s.yaml:7:5", "s.yaml:10:76", "s.yaml:10:87"]


def test_applied_objects_are_of_the_nodes_version() -> None:
    found = mistakes_of("""\
  node: {kubeletVersion: "1.30"}
  steps:
  - at: 0s
    apply:
    - {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {securityContext: {supplementalGroupsPolicy: Strict}}}
""")
    assert len(found) == 1
    assert "field 'supplementalGroupsPolicy' is not in Kubernetes 1.30" in found[0]


def test_every_action_is_a_field_of_a_step() -> None:
    names = dict(zip(StepSpec.__struct_encode_fields__, StepSpec.__struct_fields__, strict=True))
    del names["at"], names["when"], names["note"]
    assert names == ACTIONS


def test_the_schema_knows_the_steps() -> None:
    schema: dict[str, Any] = scenario_schema()
    definitions = schema["$defs"]
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert set(definitions["StepSpec"]["properties"]) == {"at", "when", "note", *ACTIONS}
    assert definitions["StepSpec"]["oneOf"] == [{"required": [action]} for action in ACTIONS]
    assert definitions["StepSpec"]["additionalProperties"] is False
    assert "equals" in definitions["Expect"]["properties"]
    assert "for" in definitions["Expect"]["properties"]
    assert definitions["TagImage"]["required"] == ["image", "as"]


def test_the_schema_accepts_and_refuses() -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema comes with the development tools only")
    validator = jsonschema.Draft202012Validator(scenario_schema())
    good = load_document(HEAD + "  steps: [{at: 0s, delete: d/a}, {at: 1s, shutdown: {}}]\n", name="f").value
    assert list(validator.iter_errors(good)) == []
    for steps in ("[{at: 0s}]", "[{at: 0s, shutdown: {}, delete: d/a}]", "[{at: 0s, shutdwn: {}}]"):
        bad = load_document(HEAD + f"  steps: {steps}\n", name="f").value
        assert list(validator.iter_errors(bad)) != []
