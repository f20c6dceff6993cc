"""`kubesim replay`."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from kubesim.cli import main
from kubesim.model.scenario import scenario_schema

SCENARIOS = Path(__file__).parents[2] / "fixtures" / "scenarios"
VOLUME = str(SCENARIOS / "image-volume.yaml")

FAILING = """\
apiVersion: kubesim/v1
kind: Scenario
metadata: {name: wrong}
spec:
  steps:
    - at: 1s
      expect: {node: true, path: metadata.name, equals: node-2}
"""


def test_a_scenario_that_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", VOLUME]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.startswith("image-volume: passed (kubelet 1.36, containerd-2.3, seed 1)\n")


def test_a_scenario_that_does_not_hold_shows_both_sides(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(FAILING)

    assert main(["replay", str(tmp_path / "s.yaml"), VOLUME]) == 1
    captured = capsys.readouterr()
    assert captured.err == ""
    assert 'expect: node metadata.name: expected "node-2", found "node-1"' in captured.out
    assert f"[{tmp_path}/s.yaml:6:7]" in captured.out
    assert "image-volume: passed" in captured.out


def test_json_and_seed(capsys: pytest.CaptureFixture[str]) -> None:
    outputs = []
    for _ in range(2):
        assert main(["replay", VOLUME, "--seed", "42", "-o", "json"]) == 0
        outputs.append(capsys.readouterr().out)

    assert outputs[0] == outputs[1]
    (found,) = json.loads(outputs[0])
    assert (found["name"], found["seed"], found["passed"]) == ("image-volume", 42, True)


def test_junit(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(FAILING)

    assert main(["replay", str(tmp_path / "s.yaml"), VOLUME, "--junit", str(tmp_path / "out.xml")]) == 1
    root = ET.parse(tmp_path / "out.xml").getroot()
    assert [(one.get("name"), one.get("failures")) for one in root] == [("wrong", "1"), ("image-volume", "0")]
    assert "wrong: FAILED" in capsys.readouterr().out


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "--schema"]) == 0
    assert json.loads(capsys.readouterr().out) == scenario_schema()


def test_a_bad_scenario_is_refused_before_any_is_played(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(FAILING.replace("path: metadata.name", "path: 'a[['"))
    junit = tmp_path / "out.xml"

    assert main(["replay", VOLUME, str(tmp_path / "s.yaml"), "--junit", str(junit)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"kubesim: {tmp_path}/s.yaml:6:7: cannot read the path 'a[[' from '[[' on; write")
    assert captured.err.count("\n") == 1
    assert not junit.exists()
