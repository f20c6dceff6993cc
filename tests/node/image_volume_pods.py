"""Images, and pods that mount them as volumes, for the tests of what is explained of them."""

from pathlib import Path
from typing import Any

from kubesim.images.fixtures import load_catalogue
from kubesim.node.explained_container import ExplainedNode
from kubesim.node.image_volume_explained import ExplainedVolume, explain_image_volumes
from kubesim.node.sources import pod_manifests
from kubesim.policy.feature_gates import resolve_gates
from kubesim.runtime.profiles import load_profile

BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.29-2"
IMAGES = """\
apiVersion: kubesim/v1
kind: ImageList
items:
  - metadata: {name: example.com/vol:1}
    spec:
      files:
        /dir/file: "1"
        /lib: {link: usr/lib}
        /usr/lib/a.so: "a"
        /abs: {link: /usr}
        /out: {link: ../../etc}
        /loop: {link: loop}
        /top: "2"
  - metadata: {name: example.com/art:1}
    spec:
      artifact: {type: a/b, blobs: [{title: d/one, text: "1"}, {title: two, text: "22"}, {title: "", text: "none"}]}
  - metadata: {name: example.com/nameless:1}
    spec: {artifact: {type: a/b, blobs: [{title: "", text: "none"}]}}
  - metadata: {name: example.com/broken:1}
    spec: {pull: {error: {kind: registry-unavailable}}}
"""


def pod(image: str = "example.com/vol:1", *, source: dict[str, Any] | None = None, **mount: Any) -> dict[str, Any]:
    env: list[dict[str, Any]] = [{"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]
    env += [{"name": name, "value": value} for name, value in (("WHERE", "dir"), ("UP", ".."), ("ROOT", "/"))]
    mounts = [{"name": "v", "mountPath": "/v", **mount}]
    container = {"name": "c", "image": BUSYBOX, "command": ["sleep", "1h"], "env": env, "volumeMounts": mounts}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p"},
        "spec": {
            "volumes": [{"name": "v", "image": {"reference": image, **(source or {})}}, {"name": "e", "emptyDir": {}}],
            "containers": [container],
        },
    }


def node(profile: str = "containerd-2.3", *, kubelet: str = "1.36", **more: Any) -> ExplainedNode:
    gates = resolve_gates(kubelet, more.pop("gates", {}))
    return ExplainedNode(profile=load_profile(profile), kubelet_version=kubelet, gates=gates, **more)


def explain(one: dict[str, Any], images: Path, where: ExplainedNode | None = None) -> ExplainedVolume:
    (manifest,) = pod_manifests(one, kubelet_version="1.36")
    (found,) = explain_image_volumes(manifest, where or node(), load_catalogue([images]))
    return found


def rules(found: ExplainedVolume, by: str) -> list[tuple[str, str]]:
    return [(step.rule, step.outcome) for step in found.steps if step.by == by]
