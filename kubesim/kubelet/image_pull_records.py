"""The kubelet's records of the images it pulled, in files that outlive its process.

Mirrors kubelet: pkg/kubelet/images/pullmanager/fs_pullrecords.go (the files) and image_pull_manager.go (initialize,
RecordPullIntent, RecordImagePulled, PruneUnknownRecords).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any

from kubesim.kernel import Kernel
from kubesim.kubelet.last_made import LastMade
from kubesim.kubelet.outside import HostFiles
from kubesim.model.timestamps import format_rfc3339, parse_rfc3339
from kubesim.policy.image_keyring import PullLogin, SecretSource
from kubesim.policy.image_reference import parse_plain_reference
from kubesim.policy.pull_records import (
    NEVER_VERIFY_PRELOADED,
    ProvenLogins,
    ProvenSecret,
    PulledRecord,
    access,
    needs_verification,
    proven_by,
    with_logins,
)

_API_VERSION = "kubelet.config.k8s.io/v1beta1"


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationSettings:
    """KubeletConfiguration's imagePullCredentialsVerificationPolicy and preloadedImagesVerificationAllowlist."""

    policy: str = NEVER_VERIFY_PRELOADED
    allowlist: tuple[str, ...] = ()


class ImagePullRecords:
    """Says whether a pod has to prove that it may use an image, and remembers what pulls proved.

    `images` of the methods are names as pods write them; an image's `ref` is the runtime's id of it.
    """

    def __init__(
        self, kernel: Kernel, host_files: HostFiles, *, root_directory: str, settings: VerificationSettings
    ) -> None:
        self._kernel = kernel
        self._files = host_files
        self._settings = settings
        self._pulling = f"{root_directory}/image_manager/pulling"
        self._pulled = f"{root_directory}/image_manager/pulled"
        self._intents: Counter[str] = Counter()
        self._last = LastMade[bytes, PulledRecord]()

    def must_pull(self, image: str, image_ref: str, logins: Callable[[], Sequence[PullLogin]]) -> bool:
        """Whether an image that is there has to be pulled all the same. `logins` are asked for only if they count."""
        record = self._read(image_ref)
        is_pulled = record is not None or self._files.kind(_file(self._pulling, image)) is not None
        repository = _repository(image)
        settings = self._settings
        if not needs_verification(
            settings.policy, settings.allowlist, repository=repository, is_pulled_by_kubelet=is_pulled
        ):
            return False
        proven = record.logins.get(repository) if record is not None else None
        is_asked = proven is not None and not proven.is_open and bool(proven.secrets)
        answer = access(record, repository, logins() if is_asked else ())
        if record is not None and answer.learned is not None:
            self._write(record, with_logins(record, repository, ProvenLogins(secrets=(answer.learned,))))
        return answer.must_pull

    def pull_begins(self, image: str) -> None:
        """An image is about to be pulled. Until that ends, it counts as pulled by the kubelet."""
        self._intents[image] += 1
        text = {"kind": "ImagePullIntent", "apiVersion": _API_VERSION, "image": image}
        self._write_file(self._pulling, image, text)

    def pull_failed(self, image: str) -> None:
        """The pull came to nothing, or was put off."""
        self._intents[image] -= 1
        if self._intents[image] <= 0:
            del self._intents[image]
            self._files.remove(_file(self._pulling, image))

    def pulled(self, image: str, image_ref: str, login: PullLogin | None) -> None:
        """The pull succeeded with this login; None: without any."""
        record = self._read(image_ref)
        known = record or PulledRecord(image_ref=image_ref)
        self._write(record, with_logins(known, _repository(image), proven_by(login)))
        self.pull_failed(image)

    @property
    def has_intents(self) -> bool:
        """Whether an earlier process left a pull of which nobody knows how it ended."""
        return next(iter(self._texts(self._pulling)), None) is not None

    def settle_intents(self, names: Mapping[str, Iterable[str]]) -> None:
        """At the start: pulls whose end an earlier process did not see, by what the runtime has now.

        `names` are the tags and digests of each image ref. Such an image has a record without logins: whoever wants
        to use it has to pull it again.
        """
        intended = {text.get("image", ""): path for path, text in self._texts(self._pulling)}
        for image_ref, found in names.items():
            for image in sorted(intended.keys() & set(found)):
                if self._read(image_ref) is None:
                    self._write(None, PulledRecord(image_ref=image_ref))
                self._files.remove(intended[image])

    def forget_others(self, image_refs: Collection[str], *, before_ns: int) -> None:
        """Drop the records of images that are gone, unless they were written at `before_ns` or after it."""
        for path, text in list(self._texts(self._pulled)):
            if text["imageRef"] not in image_refs and parse_rfc3339(text["lastUpdatedTime"]) < before_ns:
                self._files.remove(path)

    # -- files ------------------------------------------------------------------------------------------------

    def _read(self, image_ref: str) -> PulledRecord | None:
        """A record is what its file says now; the same content says the same."""
        content = self._files.read(_file(self._pulled, image_ref))
        if content is None:
            return None
        known = self._last.get(image_ref, content)
        if known is None:
            known = _record(json.loads(content))
            self._last.put(image_ref, content, known)
        return known

    def _write(self, before: PulledRecord | None, record: PulledRecord) -> None:
        if record is before:
            return
        mapping = {repository: _mapping_json(record.logins[repository]) for repository in sorted(record.logins)}
        text: dict[str, Any] = {"kind": "ImagePulledRecord", "apiVersion": _API_VERSION}
        text |= {"lastUpdatedTime": format_rfc3339(self._kernel.now_ns), "imageRef": record.image_ref}
        if mapping:
            text["credentialMapping"] = mapping
        self._write_file(self._pulled, record.image_ref, text)

    def _write_file(self, folder: str, key: str, text: Mapping[str, Any]) -> None:
        self._files.make_dirs(folder, 0o700)
        self._files.write(_file(folder, key), json.dumps(text, separators=(",", ":")).encode() + b"\n", 0o600)

    def _texts(self, folder: str) -> Iterable[tuple[str, dict[str, Any]]]:
        if self._files.kind(folder) != "directory":
            return
        for name in sorted(self._files.list_dir(folder)):
            content = self._files.read(f"{folder}/{name}")
            if content is not None:
                yield f"{folder}/{name}", json.loads(content)


@lru_cache(maxsize=256)
def _file(folder: str, key: str) -> str:
    return f"{folder}/sha256-{sha256(key.encode()).hexdigest()}"


@lru_cache(maxsize=256)
def _repository(image: str) -> str:
    """The name without tag and digest, and nothing filled in."""
    return parse_plain_reference(image).name


def _mapping_json(logins: ProvenLogins) -> dict[str, Any]:
    if logins.is_open:
        return {"nodePodsAccessible": True}
    secrets = [{**one.source._asdict(), "credentialHash": one.login_hash} for one in logins.secrets]
    return {"kubernetesSecrets": secrets}


def _record(text: Mapping[str, Any]) -> PulledRecord:
    return PulledRecord(
        image_ref=text["imageRef"],
        logins={repository: _logins(one) for repository, one in text.get("credentialMapping", {}).items()},
    )


def _logins(text: Mapping[str, Any]) -> ProvenLogins:
    secrets = tuple(
        ProvenSecret(
            source=SecretSource(uid=one["uid"], namespace=one["namespace"], name=one["name"]),
            login_hash=one["credentialHash"],
        )
        for one in text.get("kubernetesSecrets", ())
    )
    return ProvenLogins(is_open=bool(text.get("nodePodsAccessible")), secrets=secrets)
