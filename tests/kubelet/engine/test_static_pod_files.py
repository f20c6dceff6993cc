"""Files in the folder of static pods that hold none: a line in the kubelet's log, and nothing else."""

import json
from typing import Any

import pytest

FOLDER = "/etc/kubernetes/manifests"
CONFIG = {"clusterDNS": ["10.96.0.10"], "clusterDomain": "cluster.local", "staticPodPath": FOLDER}


def manifest(name: str = "web", **spec: Any) -> dict[str, Any]:
    container = {"name": "a", "image": "registry.k8s.io/e2e-test-images/busybox:1.29-2", "command": ["sleep", "1h"]}
    spec = {"containers": [container], **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def shown(story: Any) -> list[str]:
    return [pod["metadata"]["name"] for pod in story.node.kubelet_pods()]


def errors(story: Any) -> list[str]:
    words = ("manifest", "watch event", "config path")
    return [line for line in story.node.log if line.startswith("E ") and any(one in line for one in words)]


REFUSED = {
    "text": ("no YAML: [", "couldn't parse as pod("),
    "nothing": ("", "couldn't parse as pod(Object 'Kind' is missing in 'null'), please check config file"),
    "another kind": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
        "couldn't parse as pod(invalid pod: a ConfigMap), please check config file",
    ),
    "no name": ("apiVersion: v1\nkind: Pod\nmetadata: {}\n", ": invalid pod: name is needed for the pod"),
    "an invalid pod": (
        json.dumps(manifest(containers=[{"name": "a"}])),
        ": invalid pod: [spec.containers[0].image: Required value]",
    ),
    "a service account": (
        json.dumps(manifest(serviceAccountName="x")),
        ": static pods may not reference serviceaccounts",
    ),
    "a secret": (
        json.dumps(manifest(imagePullSecrets=[{"name": "x"}])),
        ": static pods may not reference secrets",
    ),
    "a config map": (
        json.dumps(manifest(volumes=[{"name": "x", "configMap": {"name": "x"}}])),
        ": static pods may not reference configmaps",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_file_is_a_line_in_the_log(new_story: Any, case: str) -> None:
    content, words = REFUSED[case]
    story = new_story(config=CONFIG)
    story.node.apply_static(manifest())
    story.run("1s")
    story.node.write_file(f"{FOLDER}/bad.yaml", content)
    (line,) = errors(story)
    assert line.startswith('E "Unable to process watch event" err="can\'t process config file \\"')
    assert words.replace('"', '\\"') in line
    story.run("25s")
    assert errors(story)[1].startswith('E "Could not process manifest file" err="')
    assert errors(story)[1].endswith(f'path="{FOLDER}/bad.yaml"')
    assert shown(story) == ["web-node-1"]
    assert story.is_running("a", "default/web-node-1")


def test_before_1_34_static_pods_could_use_secrets(new_story: Any) -> None:
    story = new_story(config=CONFIG, kubelet_version="1.33")
    story.node.write_file(f"{FOLDER}/web.yaml", json.dumps(manifest(imagePullSecrets=[{"name": "x"}])))
    story.run("1s")
    assert (shown(story), errors(story)) == (["web-node-1"], [])


def test_a_file_that_becomes_good_is_a_pod(new_story: Any) -> None:
    story = new_story(config=CONFIG)
    story.node.write_file(f"{FOLDER}/web.yaml", "kind: Pod\n")
    story.run("1s")
    assert shown(story) == []
    story.node.write_file(f"{FOLDER}/web.yaml", json.dumps(manifest()))
    story.run("1s")
    assert shown(story) == ["web-node-1"]


def test_a_file_that_becomes_bad_loses_its_pod_with_the_next_listing(new_story: Any) -> None:
    """A watch changes nothing for a file that it cannot read; every fileCheckFrequency all files are read."""
    story = new_story(config=CONFIG)
    for name in ("web", "other"):
        story.node.write_file(f"{FOLDER}/{name}.yaml", json.dumps(manifest(name)))
    story.run("1s")
    story.node.write_file(f"{FOLDER}/web.yaml", "kind: Pod\n")
    story.run("10s")
    assert shown(story) == ["web-node-1", "other-node-1"]
    story.run("10s")
    assert shown(story) == ["other-node-1"]


def test_files_with_a_dot_and_folders_are_none(new_story: Any) -> None:
    story = new_story(config=CONFIG)
    story.node.write_file(f"{FOLDER}/.web.yaml", json.dumps(manifest()))
    story.node.write_file(f"{FOLDER}/more/web.yaml", json.dumps(manifest()))
    story.run("25s")
    assert shown(story) == []
    message = "Provided manifest path is a directory, not recursing into manifest path"
    assert errors(story) == [f'E "{message}" path="{FOLDER}/more"']


def test_windows_reads_files_only_when_it_lists_them(new_story: Any) -> None:
    story = new_story(config={"staticPodPath": FOLDER}, os="windows", profile="containerd-2.3")
    pod = manifest(os={"name": "windows"})
    story.node.write_file(f"{FOLDER}/web.yaml", json.dumps(pod))
    story.run("15s")
    assert shown(story) == []
    story.run("6s")
    assert shown(story) == ["web-node-1"]


def test_the_path_may_be_a_single_file(new_story: Any) -> None:
    story = new_story(config={**CONFIG, "staticPodPath": "/etc/web.yaml"})
    story.node.remove_file("/etc/web.yaml")
    story.run("21s")
    assert (
        errors(story)[-1] == 'E "Unable to read config path" err="path does not exist, ignoring" path="/etc/web.yaml"'
    )
    story.node.write_file("/etc/web.yaml", json.dumps(manifest()))
    story.run("21s")
    assert shown(story) == ["web-node-1"]
    story.node.write_file("/etc/web.yaml", "")
    story.run("21s")
    assert shown(story) == ["web-node-1"]
    assert "couldn't parse as pod" in errors(story)[-1]
