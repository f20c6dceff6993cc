"""A container image that the emulated userland can run, as a registry has it."""

from kubesim.images.fixtures import load_catalogue
from kubesim.images.oci import layer_tar
from kubesim.images.tree import file_node

from .registry_server import digest_of

BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.29-2"


def push_busybox(registry, name, tag, *, files=None, user=""):
    """Push the built-in busybox with more files, whose layers are real tars; its manifest's bytes."""
    image = load_catalogue([]).find(BUSYBOX)
    layers = [
        layer_tar((path, node) for path, node in image.tree.walk()),
        layer_tar((path, file_node(content)) for path, content in sorted((files or {}).items())),
    ]
    config = {
        "rootfs": {"type": "layers", "diff_ids": [digest_of(layer) for layer in layers]},
        "config": {"User": user, "Cmd": ["sh"], "Env": ["PATH=/bin"]},
    }
    return registry.push(name, tag, layers, config=config)
