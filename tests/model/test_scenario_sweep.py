"""Scenarios that are played on several nodes: which runs there are, what they are called, and who is part of which."""

from __future__ import annotations

import pytest

from kubesim.errors import InputError
from kubesim.model.scenario import Scenario, load_runs, scenario_schema
from kubesim.model.yaml_text import Document, load_document

HEAD = "apiVersion: kubesim/v1\nkind: Scenario\nmetadata: {name: s}\nspec:\n"
JUDGED = "  steps:\n  - {at: 0s, expect: {node: true, path: metadata.name, equals: node-1}}\n"


def document_of(spec: str) -> Document:
    return load_document(HEAD + spec, name="s.yaml")


def runs_of(spec: str) -> tuple[Scenario, ...]:
    return load_runs(document_of(spec))


def mistakes_of(spec: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        runs_of(spec)
    return str(caught.value).splitlines()


def test_without_a_sweep_there_is_one_run_of_the_scenarios_name() -> None:
    [run] = runs_of("  node: {profile: ideal}\n" + JUDGED)

    assert (run.name, run.swept, run.node.profile) == ("s", (), "ideal")


def test_an_axis_gives_a_run_for_each_value() -> None:
    runs = runs_of("  sweep: {profile: [containerd-2.0, cri-o-1.36]}\n  node: {seed: 3}\n" + JUDGED)

    assert [run.name for run in runs] == ["s[containerd-2.0]", "s[cri-o-1.36]"]
    assert [run.swept for run in runs] == [(("profile", "containerd-2.0"),), (("profile", "cri-o-1.36"),)]
    assert [(run.node.profile, run.node.seed) for run in runs] == [("containerd-2.0", 3), ("cri-o-1.36", 3)]


def test_axes_give_a_run_for_each_combination() -> None:
    runs = runs_of(
        """\
  sweep: {os: [linux], cgroupDriver: [systemd, cgroupfs], kubeletVersion: ["1.32", "1.33.4"], profile: [ideal]}
"""
        + JUDGED
    )

    assert [run.name for run in runs] == [
        "s[ideal, 1.32, systemd, linux]",
        "s[ideal, 1.32, cgroupfs, linux]",
        "s[ideal, 1.33.4, systemd, linux]",
        "s[ideal, 1.33.4, cgroupfs, linux]",
    ]
    assert [(run.minor, run.node.cgroup_driver) for run in runs] == [
        (32, "systemd"),
        (32, "cgroupfs"),
        (33, "systemd"),
        (33, "cgroupfs"),
    ]


@pytest.mark.parametrize(
    ("when", "names"),
    [
        ("{profile: containerd-2.0}", ["containerd-2.0, 1.32", "containerd-2.0, 1.33"]),
        ("{profile: containerd-*}",
         ["containerd-2.0, 1.32", "containerd-2.0, 1.33", "containerd-2.3, 1.32", "containerd-2.3, 1.33"]),
        ("{profile: [cri-o-1.36, '*-2.3'], kubeletVersion: '1.33'}", ["containerd-2.3, 1.33", "cri-o-1.36, 1.33"]),
        ("{kubeletVersion: '1.32'}", ["containerd-2.0, 1.32", "containerd-2.3, 1.32", "cri-o-1.36, 1.32"]),
        ("{profile: '*', kubeletVersion: '1.32'}",
         ["containerd-2.0, 1.32", "containerd-2.3, 1.32", "cri-o-1.36, 1.32"]),
    ],
)  # fmt: skip
def test_when_names_the_runs_of_a_step(when: str, names: list[str]) -> None:
    runs = runs_of(f"""\
  sweep: {{profile: [containerd-2.0, containerd-2.3, cri-o-1.36], kubeletVersion: ["1.32", "1.33"]}}
  steps:
  - {{at: 0s, expect: {{node: true, path: metadata.name, equals: node-1}}}}
  - {{at: 1s, when: {when}, shutdown: {{}}}}
""")

    assert [run.name for run in runs if len(run.steps) == 2] == [f"s[{name}]" for name in names]


def test_a_dot_in_a_pattern_is_a_dot() -> None:
    assert mistakes_of("""\
  sweep: {kubeletVersion: ["1.33"]}
  steps: [{at: 0s, when: {kubeletVersion: "1*3.3"}, expect: {node: true, path: a, absent: true}}]
""") == ["s.yaml:6:43: $.spec.steps[0].when.kubeletVersion: no run has kubeletVersion '1*3.3'; expected \"1.33\""]


def test_objects_are_of_the_version_of_their_run() -> None:
    spec = """\
  sweep: {kubeletVersion: ["1.30", "1.36"]}
  steps:
  - at: 0s
    %sapply:
    - {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {securityContext: {supplementalGroupsPolicy: Strict},
       containers: [{name: c, image: x}]}}
  - {at: 1s, expect: {node: true, path: metadata.name, equals: node-1}}
"""
    [mistake] = mistakes_of(spec % "")
    old, new = runs_of(spec % "when: {kubeletVersion: '1.36'}\n    ")

    assert "field 'supplementalGroupsPolicy' is not in Kubernetes 1.30" in mistake
    assert (len(old.steps), len(new.steps)) == (1, 2)


PATHS = [
    ("{}", ('s.yaml:5:10: $.spec.sweep: nothing is swept; expected one of "profile", "kubeletVersion", "cgroupDriver", '
           '"os", each with a list')),
    ("{profile: []}", "s.yaml:5:20: $.spec.sweep.profile: no value to sweep; expected at least one"),
    ("{profile: [ideal, x, ideal]}", "s.yaml:5:31: $.spec.sweep.profile[2]: ideal is there twice"),
    ("{profile: ideal}", "s.yaml:5:20: $.spec.sweep.profile: found the text 'ideal'; expected a list"),
    ("{profiles: [ideal]}", "s.yaml:5:11: $.spec.sweep: unknown field 'profiles', did you mean 'profile'?"),
    ('{kubeletVersion: ["1.36", "1.20"]}',
     "s.yaml:5:36: $.spec.sweep.kubeletVersion[1]: unknown kubelet version '1.20'; expected \"1.28\" to \"1.36\""),
    ("{os: [mac]}", 's.yaml:5:16: $.spec.sweep.os[0]: unknown value \'mac\'; expected one of "linux", "windows"'),
]  # fmt: skip


@pytest.mark.parametrize(("sweep", "mistake"), PATHS)
def test_mistakes_of_a_sweep(sweep: str, mistake: str) -> None:
    assert mistakes_of(f"  sweep: {sweep}\n" + JUDGED) == [mistake]


def test_what_is_swept_is_not_set_as_well() -> None:
    assert mistakes_of("  sweep: {profile: [ideal]}\n  node: {profile: ideal}\n" + JUDGED) == [
        "s.yaml:6:19: $.spec.node.profile: profile is swept and set; leave it out of the node"
    ]


@pytest.mark.parametrize(
    ("when", "mistake"),
    [
        ("{}", "6:26: $.spec.steps[0].when: names no run; leave out `when`, or say e.g. `when: {profile: cri-o-*}`"),
        ("{os: linux}", "6:31: $.spec.steps[0].when.os: os is not swept; list its values in spec.sweep.os"),
        ("{profile: []}",
         '6:36: $.spec.steps[0].when.profile: no value; expected one of "containerd-2.0", "cri-o-1.36"'),
        ("{profile: containerd-2.1}",
         ("6:36: $.spec.steps[0].when.profile: no run has profile 'containerd-2.1', did you mean 'containerd-2.0'?; "
         'expected one of "containerd-2.0", "cri-o-1.36"')),
        ("{profile: [cri-o-*, ideal]}",
         ("6:46: $.spec.steps[0].when.profile[1]: no run has profile 'ideal'; "
         'expected one of "containerd-2.0", "cri-o-1.36"')),
        ("{version: a}", ("6:27: $.spec.steps[0].when: unknown field 'version'; "
                         "known fields: cgroupDriver, kubeletVersion, os, profile")),
    ],
)  # fmt: skip
def test_mistakes_of_when(when: str, mistake: str) -> None:
    found = mistakes_of(f"""\
  sweep: {{profile: [containerd-2.0, cri-o-1.36]}}
  steps: [{{at: 0s, when: {when}, expect: {{node: true, path: a, absent: true}}}}]
""")

    assert found == [f"s.yaml:{mistake}"]


def test_when_needs_a_sweep() -> None:
    [mistake] = mistakes_of("  steps: [{at: 0s, when: {profile: containerd-2.3}, shutdown: {}}]\n")

    assert mistake.endswith("profile is not swept; list its values in spec.sweep.profile")


def test_a_run_of_which_nothing_is_expected_is_a_mistake() -> None:
    assert mistakes_of("""\
  sweep: {profile: [containerd-2.0, cri-o-1.36]}
  steps:
  - {at: 0s, when: {profile: cri-o-*}, expect: {node: true, path: a, absent: true}}
""") == [
        (
            "s.yaml:7:3: $.spec.steps: nothing is expected of the run containerd-2.0; "
            "add an expect step, or take the value out of sweep"
        )
    ]


def test_a_mistake_of_every_run_is_told_once() -> None:
    found = mistakes_of("""\
  sweep: {profile: [containerd-2.0, cri-o-1.36]}
  steps:
  - {at: x, expect: {node: true, path: a, absent: true}}
""")

    assert len(found) == 1


def test_images_are_checked_with_their_places() -> None:
    assert mistakes_of(
        """\
  images:
  - {metadata: {name: a:1}, spec: {files: {/etc/passwd: {}}}}
  - {metadata: {name: A}}
  - {metadata: {name: a:1}}
  - {metadata: {name: b}, spec: {usr: a}}
"""
        + JUDGED
    ) == ["s.yaml:9:34: $.spec.images[3].spec: unknown field 'usr', did you mean 'user'?"]
    assert [
        line.split("; ")[0]
        for line in mistakes_of(
            """\
  images:
  - {metadata: {name: a:1}, spec: {files: {/etc/passwd: {}}}}
  - {metadata: {name: A}}
  - {metadata: {name: a:1}}
"""
            + JUDGED
        )
    ] == [
        "s.yaml:6:57: $.spec.images[0].spec.files['/etc/passwd']: no source",
        "s.yaml:7:23: $.spec.images[1].metadata.name: 'A' is no image name",
        "s.yaml:8:5: image 'a:1' is already defined at s.yaml:6:5",
    ]


@pytest.mark.parametrize(
    ("spec", "is_valid"),
    [
        ("sweep: {profile: [a]}, images: [{metadata: {name: a}, spec: {user: '1'}}]", True),
        ("sweep: {profile: [a]}, node: {seed: 2}", True),
        ("sweep: {}", False),
        ("sweep: {profile: []}", False),
        ("sweep: {profile: [a, a]}", False),
        ("sweep: {profile: a}", False),
        ("sweep: {profiles: [a]}", False),
        ("images: [{spec: {}}]", False),
        ("images: [{metadata: {name: a}, spec: {usr: b}}]", False),
    ],
)
def test_the_schema_knows_sweeps_and_images(spec: str, is_valid: bool) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema comes with the development tools only")
    validator = jsonschema.Draft202012Validator(scenario_schema())
    step = "{at: 0s, expect: {node: true, path: a, absent: true}}"

    assert validator.is_valid(document_of(f"  {{{spec}, steps: [{step}]}}\n").value) is is_valid


@pytest.mark.parametrize(
    ("when", "is_valid"),
    [("{profile: a}", True), ("{os: [linux]}", True), ("{}", False), ("{profile: 1}", False), ("{os: []}", False)],
)
def test_the_schema_knows_when(when: str, is_valid: bool) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema comes with the development tools only")
    validator = jsonschema.Draft202012Validator(scenario_schema())

    assert validator.is_valid(document_of(f"  steps: [{{at: 0s, when: {when}, shutdown: {{}}}}]\n").value) is is_valid
