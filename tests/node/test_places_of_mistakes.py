"""Where a mistake is: file, line and column of it, in whatever form manifests come."""

import json
from pathlib import Path
from typing import Any

import pytest

import kubesim
from kubesim.cli.entry import main
from kubesim.errors import InputError

GOOD = "apiVersion: v1\nkind: Pod\nmetadata: {name: good}\nspec: {containers: [{name: a, image: i}]}\n"
BAD = """\
apiVersion: v1
kind: Pod
metadata:
  name: bad
  labels:
    "a b": c
spec:
  volumes:
  - name: v
    downwardAPI:
      items:
      - {path: ok, fieldRef: {fieldPath: metadata.name}}
      - path: /abs
        fieldRef: {fieldPath: metadata.name}
  containers:
  - name: a
    image: i
    volumeMounts:
    - {name: v, mountPath: /a}
    - name: w
      mountPath: /b
      subPath: ../x
  hostUsers: false
  hostPID: true
"""
PLACES = {
    "metadata.labels": "6:12",
    "spec.volumes[0].downwardAPI.path": "13:15",
    "spec.containers[0].volumeMounts[0].name": "19:14",
    "spec.containers[0].volumeMounts[1].name": "20:13",
    "spec.containers[0].volumeMounts.subPath": "22:16",
    "spec.HostPID": "24:12",
}
"""Upstream's paths do not always say which of several it is; the line does."""


def refusals(source: Any) -> list[str]:
    with kubesim.Node() as node, pytest.raises(InputError) as caught:
        node.apply(source)
    return str(caught.value).splitlines()


def test_each_mistake_has_its_own_line(tmp_path: Path) -> None:
    file = tmp_path / "pod.yaml"
    file.write_text(BAD)
    found = dict(line.removeprefix(f"{file}:").split(": ")[1::-1] for line in refusals(file))

    assert found == PLACES


def test_lines_count_through_all_documents_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "pods.yaml"
    file.write_text(f"{GOOD}---\n{BAD}---\n# nothing\n---\nkind: Pod\napiVersion: v1\nspec: {{}}\n")
    found = [line.removeprefix(f"{file}:").split(": ")[:2] for line in refusals(file)]

    assert found == [
        *(
            [f"{int(line) + 5}:{column}", path]
            for path, (line, column) in ((p, w.split(":")) for p, w in PLACES.items())
        ),
        ["33:1", "metadata.name"],
        ["35:7", "spec.containers"],
    ]


def test_items_of_a_list(tmp_path: Path) -> None:
    file = tmp_path / "list.yaml"
    file.write_text("""\
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Pod
  metadata: {name: a}
  spec:
    containers:
    - image: x
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: b}
  data:
    good: x
    a/b: z
- apiVersion: v1
  kind: Secret
  metadata: {name: c_}
  type: kubernetes.io/tls
""")
    assert [line.removeprefix(f"{file}:").split(": ")[:2] for line in refusals(file)] == [
        ["9:7", "spec.containers[0].name"],
        ["15:10", "data[a/b]"],
        ["18:20", "metadata.name"],
        ["16:3", "data[tls.crt]"],
        ["16:3", "data[tls.key]"],
    ]


def test_json_has_lines_too(tmp_path: Path) -> None:
    file = tmp_path / "pod.json"
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "a"},
        "spec": {"containers": [{"name": "a", "image": "i", "imagePullPolicy": "Sometimes"}], "restartPolicy": "No"},
    }
    file.write_text(json.dumps(pod, indent=1))
    first, second = refusals(file)

    assert first.startswith(f'{file}:12:24: spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": suppo')
    assert second.startswith(f'{file}:15:20: spec.restartPolicy: Unsupported value: "No": supported values: "Always"')


def test_a_dict_has_no_lines() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {}}

    assert refusals(pod) == ["<dict>: spec.containers: Required value"]


def test_kubesim_run_prints_all_of_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "pod.yaml"
    file.write_text(BAD)

    assert main(["run", str(file)]) == 2
    shown = capsys.readouterr().err
    assert all(f"{file}:{place}: {path}: " in shown for path, place in PLACES.items())
