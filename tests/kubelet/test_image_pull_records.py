"""The files in which the kubelet remembers who may use which image."""

import json
from collections.abc import Callable

import pytest

from kubesim.kernel import Kernel
from kubesim.kubelet.image_pull_records import ImagePullRecords, VerificationSettings
from kubesim.policy.image_keyring import PullLogin, SecretSource
from kubesim.userland.files.host_files import MemoryHostFiles

IMAGE = "registry.example/app:1"
REF = "sha256:0123"
ROOT = "/var/lib/kubelet/image_manager"
LOGIN = PullLogin(username="u", password="p", email="", source=SecretSource(uid="1", namespace="default", name="s"))


@pytest.fixture
def files() -> MemoryHostFiles:
    return MemoryHostFiles()


@pytest.fixture
def new_records(files: MemoryHostFiles) -> Callable[[], ImagePullRecords]:
    kernel = Kernel(seed=1)
    return lambda: ImagePullRecords(kernel, files, root_directory="/var/lib/kubelet", settings=VerificationSettings())


def contents(files: MemoryHostFiles, folder: str) -> list[dict[str, object]]:
    path = f"{ROOT}/{folder}"
    if files.kind(path) is None:
        return []
    return [json.loads(files.read(f"{path}/{name}") or b"") for name in files.list_dir(path)]


def test_a_pull_with_a_login(files, new_records):
    records = new_records()
    records.pull_begins(IMAGE)
    assert contents(files, "pulling") == [
        {"kind": "ImagePullIntent", "apiVersion": "kubelet.config.k8s.io/v1beta1", "image": IMAGE}
    ]
    records.pulled(IMAGE, REF, LOGIN)
    assert contents(files, "pulling") == []
    (record,) = contents(files, "pulled")
    assert record["imageRef"] == REF
    (found,) = record["credentialMapping"]["registry.example/app"]["kubernetesSecrets"]
    assert {**found, "credentialHash": len(found["credentialHash"])} == {
        "uid": "1",
        "namespace": "default",
        "name": "s",
        "credentialHash": 64,
    }
    later = new_records()
    assert later.must_pull(IMAGE, REF, lambda: [LOGIN]) is False
    assert later.must_pull(IMAGE, REF, list) is True


def test_a_pull_without_a_login_opens_the_image(files, new_records):
    records = new_records()
    records.pull_begins(IMAGE)
    records.pulled(IMAGE, REF, None)
    (record,) = contents(files, "pulled")
    assert record["credentialMapping"] == {"registry.example/app": {"nodePodsAccessible": True}}
    assert new_records().must_pull(IMAGE, REF, lambda: pytest.fail("nobody has to show a login")) is False


def test_a_preloaded_image_is_for_everybody(new_records):
    assert new_records().must_pull(IMAGE, REF, lambda: pytest.fail("nobody has to show a login")) is False


def test_pulls_of_one_image_that_overlap(files, new_records):
    records = new_records()
    records.pull_begins(IMAGE)
    records.pull_begins(IMAGE)
    records.pull_failed(IMAGE)
    assert len(contents(files, "pulling")) == 1
    assert records.must_pull(IMAGE, REF, list) is True
    records.pull_failed(IMAGE)
    assert contents(files, "pulling") == []


def test_a_pull_that_an_earlier_process_began(files, new_records):
    new_records().pull_begins(IMAGE)
    records = new_records()
    assert records.has_intents
    records.settle_intents({REF: [IMAGE], "sha256:other": ["registry.example/other:1"]})
    assert not records.has_intents
    (record,) = contents(files, "pulled")
    assert "credentialMapping" not in record
    assert records.must_pull(IMAGE, REF, list) is True


def test_records_of_images_that_are_gone(files, new_records):
    records = new_records()
    records.pulled(IMAGE, REF, None)
    records.pulled("registry.example/b:1", "sha256:b", None)
    records.forget_others([REF], before_ns=0)
    assert len(contents(files, "pulled")) == 2  # written after that instant
    records.forget_others([REF], before_ns=2**63 - 1)
    assert [one["imageRef"] for one in contents(files, "pulled")] == [REF]


def test_a_record_is_what_its_file_says_now(files, new_records):
    records, other = new_records(), new_records()
    records.pull_begins(IMAGE)
    records.pulled(IMAGE, REF, LOGIN)
    assert records.must_pull(IMAGE, REF, list) is True
    other.pull_begins(IMAGE)
    other.pulled(IMAGE, REF, None)
    assert records.must_pull(IMAGE, REF, list) is False
