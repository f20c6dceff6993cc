"""Scenarios that describe their images themselves, and those that are played on several nodes."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from kubesim.errors import InputError
from kubesim.scenario.replay import load_scenarios, replay

POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {"containers": [{"name": "ctr", "image": "example.com/own:1", "command": ["sleep", "1h"]}]},
}
OWN_IMAGE = {
    "metadata": {"name": "example.com/own:1"},
    "spec": {"user": "app", "files": {"/bin/": {"userland": "busybox"}, "/etc/passwd": "app:x:7:8::/:"}},
}


def sweep_text(**spec: Any) -> str:
    document = {"apiVersion": "kubesim/v1", "kind": "Scenario", "metadata": {"name": "s"}, "spec": spec}
    return yaml.safe_dump(document, sort_keys=False)


def test_images_of_the_document_itself(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "hello").write_text("there")
    image = {**OWN_IMAGE, "spec": {**OWN_IMAGE["spec"], "layers": [{"files": {"/data": {"directory": "data"}}}]}}
    hello = {"pod": "default/web", "command": ["cat", "/data/hello"]}
    steps = [
        {"at": "0s", "apply": [POD]},
        {
            "at": "5s",
            "expect": {"exec": {"pod": "default/web", "command": ["id", "-u"]}, "path": "stdout", "equals": "7\n"},
        },
        {"at": "5s", "expect": {"exec": hello, "path": "stdout", "equals": "there"}},
    ]
    (tmp_path / "s.yaml").write_text(sweep_text(images=[image], steps=steps))
    [scenario] = load_scenarios(tmp_path / "s.yaml")
    result = replay(scenario, folder=tmp_path)

    assert result.passed, result.steps


def test_an_image_of_the_document_and_of_a_file_have_two_names(tmp_path: Path) -> None:
    image = {"apiVersion": "kubesim/v1", "kind": "Image", **OWN_IMAGE}
    (tmp_path / "image.yaml").write_text(yaml.safe_dump(image))
    (tmp_path / "s.yaml").write_text(
        sweep_text(
            node={"images": ["image.yaml"]},
            images=[OWN_IMAGE],
            steps=[{"at": "0s", "expect": {"metric": "a", "absent": True}}],
        )
    )
    [scenario] = load_scenarios(tmp_path / "s.yaml")

    with pytest.raises(InputError, match=r"image 'example\.com/own:1' is already in a fixture file"):
        replay(scenario, folder=tmp_path)


def test_a_sweep_is_played_once_for_each_combination(tmp_path: Path) -> None:
    profile = {"cri": {"method": "Version"}, "path": "response.runtime_name"}
    steps = [
        {"at": "0s", "when": {"profile": "cri-o-*"}, "expect": {**profile, "equals": "cri-o"}},
        {"at": "0s", "when": {"profile": "containerd-2.3"}, "expect": {**profile, "equals": "containerd"}},
    ]
    (tmp_path / "s.yaml").write_text(sweep_text(sweep={"profile": ["containerd-2.3", "cri-o-1.36"]}, steps=steps))
    results = [replay(scenario, folder=tmp_path) for scenario in load_scenarios(tmp_path / "s.yaml")]

    assert [(one.name, one.profile, len(one.steps), one.passed) for one in results] == [
        ("s[containerd-2.3]", "containerd-2.3", 1, True),
        ("s[cri-o-1.36]", "cri-o-1.36", 1, True),
    ]
    assert results[1].swept == (("profile", "cri-o-1.36"),)


def test_a_profile_of_the_folder_is_one_of_the_runs(tmp_path: Path) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "own.yaml").write_text(
        "apiVersion: kubesim/v1\nkind: RuntimeProfile\nmetadata: {name: own}\n"
        "spec: {extends: cri-o-1.36, changes: [{why: ours, set: {runtimeVersion: 9.9.9}}]}\n"
    )
    version = {"cri": {"method": "Version"}, "path": "response.runtime_version"}
    steps = [
        {"at": "0s", "when": {"profile": "profiles/*"}, "expect": {**version, "equals": "9.9.9"}},
        {"at": "0s", "when": {"profile": "cri-o-1.36"}, "expect": {**version, "contains": "1.36."}},
    ]
    text = sweep_text(sweep={"profile": ["cri-o-1.36", "profiles/own.yaml"]}, steps=steps)
    (tmp_path / "s.yaml").write_text(text)
    results = [replay(scenario, folder=tmp_path) for scenario in load_scenarios(tmp_path / "s.yaml")]

    assert [(one.name, one.passed) for one in results] == [("s[cri-o-1.36]", True), ("s[own]", True)]
    (tmp_path / "s.yaml").write_text(text.replace("profiles/own.yaml", "profiles/none.yaml"))
    with pytest.raises(InputError, match=r"profiles/none\.yaml: cannot read the profile: No such file"):
        load_scenarios(tmp_path / "s.yaml")


@pytest.mark.parametrize(
    ("spec", "place"),
    [({"node": {"profile": "cri-o-1.63"}}, "7:14"), ({"sweep": {"profile": ["ideal", "cri-o-1.63"]}}, "9:7")],
)
def test_a_profile_that_is_not_known_has_its_line(spec: dict[str, Any], place: str, tmp_path: Path) -> None:
    steps = [{"at": "0s", "expect": {"metric": "a", "absent": True}}]
    (tmp_path / "s.yaml").write_text(sweep_text(**spec, steps=steps))

    with pytest.raises(
        InputError, match=rf"s\.yaml:{place}: unknown profile 'cri-o-1.63', did you mean 'cri-o-1.36'\?"
    ):
        load_scenarios(tmp_path / "s.yaml")
