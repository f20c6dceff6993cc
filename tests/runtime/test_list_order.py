"""The order of lists: none in the runtimes that exist, creation in the ideal one; the same in every run in all."""

import pytest

from kubesim.cri import api
from kubesim.runtime import filters

IMAGES = ["registry.example/a:1", "registry.example/b:1", "registry.example/c:1", "registry.example/d:1"]


def lists(new_node, new_image, profile):
    """What was made, oldest first, and what the lists show, by kind."""
    node = new_node(profile, images=tuple(new_image(name, marker=name) for name in IMAGES))
    pods = [node.run_pod(node.pod_config(f"p{number}")) for number in range(6)]
    made = [
        node.start(pods[0], "sleep", "100", name=f"c{number}", pod_config=node.pod_config("p0"), image=IMAGES[0])
        for number in range(6)
    ]
    images = node.do(node.cri.list_images(api.ListImagesRequest())).images
    stats = node.do(node.cri.list_container_stats(api.ListContainerStatsRequest())).stats
    of_pod = node.containers(pod_sandbox_id=pods[0])
    shown = {
        "pods": [row.id for row in node.pods()],
        "containers": [row.id for row in node.containers()],
        "containers of a pod": [row.id for row in of_pod],
        "stats": [item.attributes.id for item in stats],
    }
    return {"pods": pods} | dict.fromkeys(list(shown)[1:], made), shown, [image.repo_tags[0] for image in images]


def test_ideal_lists_by_creation(new_node, new_image):
    made, shown, images = lists(new_node, new_image, "ideal")

    assert shown == made
    assert images == IMAGES


@pytest.mark.parametrize("profile", ["containerd-1.6", "containerd-2.3", "cri-o-1.36"])
def test_a_runtime_lists_in_no_order_of_meaning_but_always_the_same(new_node, new_image, profile):
    made, shown, images = lists(new_node, new_image, profile)
    again = lists(new_node, new_image, profile)

    for kind, ids in shown.items():
        assert sorted(ids) == sorted(made[kind]), kind
        assert ids != made[kind], kind
    assert sorted(images) == IMAGES
    assert images != IMAGES
    assert (made, shown, images) == again


@pytest.mark.parametrize("profile", ["ideal", "containerd-2.3", "cri-o-1.36"])
def test_a_list_by_label_is_the_list_of_all_without_the_others(new_node, profile):
    node = new_node(profile)
    chosen = {"pod": "chosen"}

    def pod(number, labels):
        config = node.pod_config(f"p{number}")
        config.labels.update(labels)
        return node.run_pod(config)

    def both():
        expected = [row.id for row in node.pods() if row.labels.get("pod") == "chosen"]
        asked = api.ListPodSandboxRequest(filter=api.PodSandboxFilter(label_selector=chosen))
        answer = node.do(node.cri.list_pod_sandbox(asked))
        return [row.id for row in answer.items], expected

    pods = [pod(number, chosen if number % 2 else {"pod": "other"}) for number in range(6)]
    shown, expected = both()
    assert shown == expected
    assert len(shown) == 3

    pods += [pod(6, chosen), pod(7, {})]
    node.do(node.cri.remove_pod_sandbox(api.RemovePodSandboxRequest(pod_sandbox_id=pods[1])))
    shown, expected = both()
    assert shown == expected
    assert pods[1] not in shown
    assert pods[6] in shown


def test_a_list_by_label_looks_at_no_object_of_another_label(new_node, monkeypatch):
    node = new_node("containerd-2.3")
    for number in range(20):
        config = node.pod_config(f"p{number}")
        config.labels["pod"] = str(number)
        node.run_pod(config)
    looked_at = []
    matches = filters.matches_labels
    monkeypatch.setattr(filters, "matches_labels", lambda *both: looked_at.append(both) or matches(*both))
    asked = api.PodSandboxFilter(label_selector={"pod": "7"})

    assert len(node.do(node.cri.list_pod_sandbox(api.ListPodSandboxRequest(filter=asked))).items) == 1
    assert looked_at == [], "the look-up by the label says it all"
