"""The secrets with which a pod's images are pulled.

Mirrors kubelet: pkg/kubelet/kubelet_pods.go (getPullSecretsForPod) and pkg/credentialprovider/secrets/secrets.go
(MakeDockerKeyring).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable

from kubesim.kubelet.event_recorder import EventRecorder
from kubesim.kubelet.event_reference import pod_reference
from kubesim.model import k8s_v1 as v1
from kubesim.policy.docker_config import DOCKER_CONFIG_KEYS, docker_logins
from kubesim.policy.image_keyring import ImageKeyring, SecretSource

GetSecret = Callable[[str, str], v1.Secret | None]
"""The Secret of a namespace and a name, None when there is none."""


class PullSecrets:
    """Reads the imagePullSecrets of pods, afresh in every sync."""

    def __init__(self, get_secret: GetSecret, recorder: EventRecorder) -> None:
        self._get_secret = get_secret
        self._recorder = recorder

    def of(self, pod: v1.Pod) -> tuple[v1.Secret, ...]:
        """The secrets that are there. Those that are missing are told in an event; the pull is tried without them."""
        found, missing = [], []
        for reference in pod.spec.image_pull_secrets:
            if not reference.name:
                continue  # the API server takes an entry without a name, and nothing is meant by it
            secret = self._get_secret(pod.metadata.namespace, reference.name)
            if secret is None:
                missing.append(reference.name)
            else:
                found.append(secret)
        if missing:
            text = (
                f"Unable to retrieve some image pull secrets ({', '.join(missing)}); "
                "attempting to pull the image may not succeed."
            )
            self._recorder.event(pod_reference(pod), "Warning", "FailedToRetrieveImagePullSecret", text)
        return tuple(found)


def keyring_of(secrets: Iterable[v1.Secret]) -> ImageKeyring:
    """The logins of the secrets that are pull secrets. Raises InvalidDockerConfig."""
    keyring = ImageKeyring()
    for secret in secrets:
        key = DOCKER_CONFIG_KEYS.get(secret.type, "")
        if key in secret.data:
            meta = secret.metadata
            source = SecretSource(uid=meta.uid, namespace=meta.namespace, name=meta.name)
            keyring.add(source, docker_logins(secret.type, {key: base64.b64decode(secret.data[key])}))
    return keyring
