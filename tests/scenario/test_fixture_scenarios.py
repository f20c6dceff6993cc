"""Every scenario that comes with kubesim holds, leaves a node that keeps the invariants, and plays the same again."""

import json
import re
from pathlib import Path

import pytest

from kubesim.model.scenario import Scenario, load_runs, scenario_schema
from kubesim.model.yaml_text import load_documents
from kubesim.scenario.replay import expectations, load_scenarios, replay
from kubesim.scenario.report import json_report
from kubesim.testing.invariants import check_node

FOLDER = Path(__file__).parents[2] / "fixtures" / "scenarios"
FILES = sorted(FOLDER.glob("*.yaml"))
SCENARIOS = [scenario for path in FILES for scenario in load_scenarios(path)]
LONG_NS = 1800 * 10**9
FIRST_RUNS = [
    one
    for one in {(one.document.name, one.document.where()): one for one in reversed(SCENARIOS)}.values()
    if one.steps[-1].at_ns < LONG_NS
]
"""One of each document: whether a scenario plays the same way each time is no matter of the runtime. Not the long ones,
where the jitter of back-offs, which is the seed's, adds up to another count."""
IDS = re.compile(r"[0-9a-f]{64}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
STORY = re.compile(r"[a-z]\d+")

STORIES = {
    *("i1", "i2", "i3", "i4", "i5", "i7", "i10", "i11", "i12", "i14", "i15", "i16", "i17"),
    *("v1", "v3", "v4", "v5", "v7", "v8", "v11"),
}
"""The stories about identity and image volumes: real bugs of the field, each in a file named after its number."""

FIXED_STORIES = {"i3", "i4", "i5", "i10", "i11", "i15", "v1", "v4", "v8"}
"""Those of a bug that some version, or the profile ideal, does not have."""

each_run = pytest.mark.parametrize("scenario", SCENARIOS, ids=[one.name for one in SCENARIOS])
each_scenario = pytest.mark.parametrize("scenario", FIRST_RUNS, ids=[one.name for one in FIRST_RUNS])


def story(path: Path) -> str:
    """`i15` of `i15-strict-refused.yaml`; empty for a file that is no story."""
    number = path.stem.partition("-")[0]
    return number if STORY.fullmatch(number) else ""


def test_there_are_scenarios() -> None:
    assert len({one.name for one in SCENARIOS}) == len(SCENARIOS) >= 100
    assert len(FIRST_RUNS) >= len(FILES) >= 20


def test_every_story_has_its_file() -> None:
    assert {story(path) for path in FILES} >= STORIES


@pytest.mark.parametrize("path", [path for path in FILES if story(path) in STORIES], ids=lambda path: path.stem)
def test_a_story_says_where_it_comes_from_and_is_swept(path: Path) -> None:
    runs = load_scenarios(path)
    documents = load_documents(path.read_bytes(), name=path.name)

    assert all(one.name.startswith(f"{story(path)}-") for one in runs)
    assert all(re.search(r"#\d+|CVE-|KEP-", one.value["metadata"]["annotations"]["reference"]) for one in documents)
    assert len({(one.node.profile, one.node.kubelet_version) for one in runs}) > 1


@pytest.mark.parametrize("path", [path for path in FILES if story(path) in FIXED_STORIES], ids=lambda path: path.stem)
def test_a_bug_that_was_fixed_has_two_verdicts(path: Path) -> None:
    verdicts = {step.note for run in load_scenarios(path) for step in run.steps}

    assert verdicts >= {"as released", "as fixed"}


@each_run
def test_every_expectation_holds(scenario: Scenario) -> None:
    result = replay(scenario, folder=FOLDER, at_end=check_node)

    assert [f"{step.where}: {step.text}" for step in result.steps if step.passed is False] == []
    assert result.passed
    assert expectations(result)


@each_scenario
def test_two_replays_give_the_same_bytes(scenario: Scenario) -> None:
    first, second = (json_report([replay(scenario, folder=FOLDER)]) for _ in range(2))

    assert first == second


@each_scenario
def test_another_seed_changes_ids_only(scenario: Scenario) -> None:
    one, other = (json.loads(IDS.sub("<id>", json_report([replay(scenario, folder=FOLDER, seed=n)]))) for n in (7, 8))

    assert (one[0].pop("seed"), other[0].pop("seed")) == (7, 8)
    assert one == other


def test_another_seed_does_change_ids() -> None:
    text = """\
apiVersion: kubesim/v1
kind: Scenario
metadata: {name: uid}
spec:
  steps:
    - {at: 0s, applyFiles: [../pods/image-volume.yaml]}
    - {at: 0s, expect: {pod: default/pod, path: metadata.uid, equals: x}}
"""
    (document,) = load_documents(text, name="uid.yaml")
    [scenario] = load_runs(document)
    texts = [replay(scenario, folder=FOLDER, seed=seed).steps[1].text for seed in (1, 2, 1)]

    assert texts[0] == texts[2] != texts[1]


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_the_schema_accepts_our_scenarios(path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(scenario_schema())

    for document in load_documents(path.read_bytes(), name=path.name):
        assert [error.message for error in validator.iter_errors(document.value)] == []


def test_the_schema_is_valid_and_refuses_what_the_reader_refuses() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = scenario_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    step = {"at": "0s", "expect": {"node": True, "path": "a", "absent": True}}

    def is_valid(*steps: object, **more: object) -> bool:
        document = {"apiVersion": "kubesim/v1", "kind": "Scenario", "metadata": {"name": "n"}}
        return bool(validator.is_valid({**document, "spec": {"steps": list(steps), **more}}))

    assert is_valid(step)
    assert not is_valid({"at": "0s"})
    assert not is_valid({**step, "shutdown": {}})
    assert not is_valid({"at": "0s", "expect": {"node": True, "pod": "a/b", "equals": 1}})
    assert not is_valid({"at": "0s", "expects": {}})
    assert not is_valid(step, nodes={})
