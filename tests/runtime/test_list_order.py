"""The order of lists: none in the runtimes that exist, creation in the ideal one; the same in every run in all."""

import pytest

from kubesim.cri import api

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
