"""The outcome of scenarios as text, JSON and JUnit."""

import json
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

from kubesim.scenario.replay import ScenarioResult, StepResult
from kubesim.scenario.report import json_report, junit_report, text_report, text_reports

START_NS = 1_000
SECOND_NS = 1_000_000_000
ROW = {"time_ns": START_NS + 1_500_000_000, "actor": "kubelet", "what": "kill begins", "subject": "default/web"}


def result(*steps: StepResult, timeline: tuple[dict[str, Any], ...] = ()) -> ScenarioResult:
    return ScenarioResult(
        name="s",
        path="s.yaml",
        seed=1,
        kubelet_version="1.36",
        profile="ideal",
        start_ns=START_NS,
        steps=steps,
        timeline=timeline,
    )


def step(passed: bool | None, text: str = "text", *, at_s: float = 1.5, line: int = 3) -> StepResult:
    return StepResult(
        at_ns=int(at_s * SECOND_NS),
        name="shutdown" if passed is None else "expect",
        where=f"s.yaml:{line}:1",
        text=text,
        passed=passed,
    )


def test_text_marks_what_failed_and_where() -> None:
    report = text_report(result(step(None), step(True), step(False, "expected 1, found 2", at_s=61)))

    assert report.splitlines() == [
        "s: FAILED (kubelet 1.36, ideal, seed 1)",
        "          1.500s  shutdown: text",
        "  ok      1.500s  expect: text",
        "  FAIL   61.000s  expect: expected 1, found 2  [s.yaml:3:1]",
    ]


def test_a_note_is_told_everywhere() -> None:
    noted = result(replace(step(False), note="as released"))

    assert "  FAIL    1.500s  expect (as released): text  [s.yaml:3:1]" in text_report(noted).splitlines()
    assert json.loads(json_report([noted]))[0]["steps"][0]["note"] == "as released"
    assert ET.fromstring(junit_report([noted]))[0][0].get("name") == "s.yaml:3:1 (as released)"


def test_text_ends_with_the_timeline() -> None:
    rows = ({**ROW, "band": 0, "grace_seconds": 20, "reason": "why"}, {**ROW, "subject": "", "reason": ""})
    report = text_report(result(step(True), timeline=rows))

    assert report.splitlines()[-3:] == [
        "  TIME    ACTOR    WHAT         TO           BAND  GRACE  WHY",
        "  1.500s  kubelet  kill begins  default/web  0     20s    why",
        "  1.500s  kubelet  kill begins  -            -     -      -",
    ]
    assert report.startswith("s: passed ")


def test_several_end_with_which_failed() -> None:
    runs = [
        replace(result(step(passed)), name=f"s{number}") for number, passed in enumerate((True, False, True, False))
    ]

    assert text_reports(runs).splitlines()[-4:] == ["", "2 of 4 passed", "  FAILED s1", "  FAILED s3"]
    assert text_reports([runs[0], runs[2]]).splitlines()[-2:] == ["", "2 of 2 passed"]
    assert text_reports(runs[:1]) == text_report(runs[0])


def test_json_counts_from_the_start() -> None:
    (found,) = json.loads(json_report([result(step(None), step(False), timeline=(ROW,))]))

    assert (found["name"], found["passed"], found["kubeletVersion"], found["profile"]) == ("s", False, "1.36", "ideal")
    assert [(one["atNs"], one["passed"]) for one in found["steps"]] == [(1_500_000_000, None), (1_500_000_000, False)]
    assert found["timeline"][0]["time_ns"] == 1_500_000_000


def test_runs_of_a_sweep_can_be_told_apart() -> None:
    runs = [
        replace(result(step(True)), name=f"s[{profile}]", profile=profile, swept=(("profile", profile),))
        for profile in ("containerd-2.0", "cri-o-1.36")
    ]

    assert [one["sweep"] for one in json.loads(json_report([*runs, result()]))] == [
        {"profile": "containerd-2.0"},
        {"profile": "cri-o-1.36"},
        {},
    ]
    suites = ET.fromstring(junit_report(runs))
    assert [(one.get("name"), one[0].get("classname")) for one in suites] == [
        ("s[containerd-2.0]", "s[containerd-2.0]"),
        ("s[cri-o-1.36]", "s[cri-o-1.36]"),
    ]
    assert text_report(runs[0]).startswith("s[containerd-2.0]: passed (kubelet 1.36, containerd-2.0, seed 1)")


def test_junit_has_a_case_for_each_expectation() -> None:
    text = junit_report([result(step(None), step(True), step(False, 'a <b> & "c"', line=9)), result()])
    root = ET.fromstring(text)
    suites = root.findall("testsuite")

    assert root.tag == "testsuites"
    counts = [(one.get("name"), one.get("tests"), one.get("failures")) for one in suites]
    assert counts == [("s", "2", "1"), ("s", "0", "0")]
    cases = suites[0].findall("testcase")
    assert [(case.get("classname"), case.get("name")) for case in cases] == [("s", "s.yaml:3:1"), ("s", "s.yaml:9:1")]
    assert [[failure.get("message") for failure in case] for case in cases] == [[], ['a <b> & "c"']]


def test_junit_stays_well_formed_whatever_a_container_printed() -> None:
    ugly = "".join(map(chr, range(0x20))) + "\x7f\x9f\ud800\ufffe\uffff\U0001f600"
    text = junit_report([result(step(False, ugly))])
    (failure,) = ET.fromstring(text.encode()).iter("failure")

    assert failure.get("message", "").endswith("\U0001f600")
    assert "\\x00" in failure.get("message", "")
