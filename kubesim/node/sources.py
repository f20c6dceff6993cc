"""Where manifests and configurations come from: files, YAML text, dicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kubesim.errors import InputError
from kubesim.images.document_file import open_document
from kubesim.kernel import rare_collections
from kubesim.model import k8s_v1 as v1
from kubesim.model.convert import join_errors
from kubesim.model.kubelet_configuration import KubeletConfiguration, load_kubelet_configuration
from kubesim.model.manifest import Manifest, manifests
from kubesim.model.mistakes import one_of
from kubesim.model.runtime_class import RuntimeClass
from kubesim.model.validation.options import PodStrategy
from kubesim.model.validation.pod import validate_pod
from kubesim.model.yaml_text import Document, load_document, load_documents
from kubesim.node.pod_strategy import minor_version, pod_strategy, running_pod_strategy
from kubesim.node.pod_templates import TEMPLATES, pods_in
from kubesim.node.unsupported import unsupported_errors

Source = str | Path | Mapping[str, Any]
TEXT_BYTES_MAX = 64 * 1024 * 1024
"""Length of a file of manifests: a limit of ours, so that /dev/zero is refused."""

StoredObject = v1.Pod | v1.ConfigMap | v1.Secret | v1.Service | RuntimeClass


def read_text(path: Path) -> bytes:
    """The content of a file. Raises InputError."""
    try:
        with open_document(path) as file:
            content = file.read(TEXT_BYTES_MAX + 1)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path), hint="name a readable file") from error
    if len(content) > TEXT_BYTES_MAX:
        raise InputError(f"more than {TEXT_BYTES_MAX} bytes", where=str(path), hint="name a file of manifests")
    return content


def documents_of(source: Source | Document) -> list[Document]:
    """The documents of a file, of YAML text (several lines), or of a dict. Raises InputError."""
    if isinstance(source, Document):
        return [source]
    if isinstance(source, Mapping):
        return [Document(value=dict(source), name=_name(source))]
    if _is_text(source):
        return load_documents(str(source), name=_name(source))
    path = Path(source)
    return load_documents(read_text(path), name=str(path))


def objects_of(
    source: Source | Manifest, *, kubelet_version: str, strategy: PodStrategy | None = None
) -> list[StoredObject]:
    """The pods of a source and the objects beside them, defaulted and valid. InputError has a line for each mistake.

    `strategy` is the API server's; None: of that version, with its own feature gates.
    """
    found = stored_manifests(source, strategy or pod_strategy(kubelet_version))
    return [one.object for one in found if isinstance(one.object, StoredObject)]


@rare_collections()
def stored_manifests(source: Source | Manifest | Document, strategy: PodStrategy) -> list[Manifest]:
    """The same with their places, for the API server of that strategy."""
    if isinstance(source, Manifest):
        found = [source]
        errors = _pod_errors(source, strategy)
    else:
        found = manifests(documents_of(source), strategy=strategy)
        errors = []
    if not found:
        raise _without_pods(source)
    errors += [error for manifest in found for error in _unsupported(manifest, strategy)]
    if errors:
        raise join_errors(errors)
    return found


def _pod_errors(manifest: Manifest, strategy: PodStrategy) -> list[InputError]:
    """What this API server has against a pod that was read before anybody knew which one it would be."""
    if not isinstance(manifest.object, v1.Pod):
        return []
    pod = manifest.object if strategy.prepare is None else strategy.prepare(manifest.object)
    return validate_pod(pod, manifest.document, manifest.path, strategy.options)


def pods_of(source: Source | Manifest, *, kubelet_version: str) -> list[v1.Pod]:
    """The pods of a source, as `objects_of`; its other objects are passed over, but there has to be a pod."""
    found = [one for one in objects_of(source, kubelet_version=kubelet_version) if isinstance(one, v1.Pod)]
    if not found:
        raise _without_pods(source)
    return found


def _without_pods(source: Source | Manifest | Document) -> InputError:
    """Somebody who gave a source expects pods of it: an empty one is a wrong name or a lost text."""
    where = source.where if isinstance(source, Manifest) else _name(source)
    return InputError("no pod in it", where=where, hint="give manifests of kind Pod")


def pod_manifests(source: Source, *, kubelet_version: str) -> list[Manifest]:
    """The pods of a source with their places, defaulted and valid: for answers about pods that nobody runs.

    What is not emulated does not matter then, and the template of a Deployment or its like counts as a pod. Raises
    InputError as `pods_of` does.
    """
    found: list[Manifest] = []
    strategy = running_pod_strategy(kubelet_version)
    for document in documents_of(source):
        pods, others = pods_in(document, strategy=strategy)
        for path in others:
            kinds = one_of(["Pod", "List", *TEMPLATES])
            raise InputError("no pod and no template of pods", where=document.where(path), hint=f"expected {kinds}")
        found += pods
    if not found:
        raise InputError("no pod in it", where=_name(source), hint="give manifests of kind Pod")
    return found


def _is_text(source: Source) -> bool:
    """Whether a source is YAML itself and not the name of a file; no file has an empty name."""
    return isinstance(source, str) and ("\n" in source or not source.strip())


def _name(source: Source | Document) -> str:
    if isinstance(source, Document):
        return source.name
    if isinstance(source, Mapping):
        return "<dict>"
    return "<text>" if _is_text(source) else str(Path(source))


def _unsupported(manifest: Manifest, strategy: PodStrategy) -> list[InputError]:
    if isinstance(manifest.object, v1.Pod):
        # What the API server drops need not be emulated.
        pod = manifest.object if strategy.prepare is None else strategy.prepare(manifest.object)
        return unsupported_errors(manifest, pod)
    if isinstance(manifest.object, StoredObject):
        return []
    hint = "give pods, config maps, secrets, services and runtime classes; see README, differences"
    return [InputError(f"a {manifest.kind} is not emulated yet", where=manifest.where, hint=hint)]


def configuration_of(source: Source | None, *, kubelet_version: str, os: str) -> KubeletConfiguration:
    """A KubeletConfiguration from a file, text or dict; the defaults for None. Raises InputError."""
    minor = minor_version(kubelet_version)
    if source is None or isinstance(source, Mapping):
        document = Document(value=dict(source or {}), name="KubeletConfiguration")
    elif _is_text(source):
        document = load_document(str(source), name=_name(source))
    else:
        document = load_document(read_text(Path(source)), name=str(source))
    return load_kubelet_configuration(document, minor=minor, os=os)


def image_paths(sources: Sequence[str | Path]) -> tuple[Path, ...]:
    """Image fixture files or folders. Raises InputError for one that is not there."""
    paths = tuple(Path(one) for one in sources)
    for path in paths:
        if not path.exists():
            raise InputError("no such image fixture", where=str(path), hint="name a file or folder of image fixtures")
    return paths
