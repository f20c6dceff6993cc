"""The archive of a checkpoint: what is written is read back equal, and damage is always told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given, settings
from hypothesis import strategies as st

from kubesim.cri import api
from kubesim.images.tar_reader import ArchiveError
from kubesim.images.tree import NodeKind, TreeNode, file_node
from kubesim.images.tree_builder import build_tree
from kubesim.runtime import checkpoint_archive
from kubesim.runtime.checkpoint_archive import (
    ContainerCheckpoint,
    Dumps,
    checkpoint_from_members,
    checkpoint_to_tar,
    members_of_tar,
    members_of_tree,
)
from kubesim.runtime.process_plan import ContainerIdentity, ProcessPlan
from kubesim.userland.files.layer_diff import LayerDiff
from kubesim.userland.files.layer_tar import layer_to_tar

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
raw_words = st.binary(max_size=20).filter(lambda data: b"\0" not in data)
words = raw_words.map(lambda data: data.decode(errors="surrogateescape"))
ids = st.integers(0, 2**32 - 1)
times = st.integers(0, 2**63 - 1)


@st.composite
def configs(draw: st.DrawFn) -> api.ContainerConfig:
    config = api.ContainerConfig(
        metadata=api.ContainerMetadata(name=draw(texts), attempt=draw(ids)),
        image=api.ImageSpec(image=draw(texts)),
        labels=draw(st.dictionaries(texts, texts, max_size=2)),
        annotations=draw(st.dictionaries(texts, texts, max_size=2)),
        envs=[api.KeyValue(key=draw(texts), value=draw(st.binary(max_size=9)))],
        mounts=[api.Mount(container_path=draw(texts), propagation=draw(st.integers(0, 9)))],
        stop_signal=draw(st.integers(0, 99)),
    )
    config.linux.resources.memory_limit_in_bytes = draw(st.integers(-(2**63), 2**63 - 1))
    return config


entries = st.builds(
    TreeNode,
    kind=st.just(NodeKind.FILE),
    mode=st.integers(0, 0o7777),
    uid=ids,
    gid=ids,
    data=st.binary(max_size=700),
    program=st.sampled_from(("", "busybox:cat")),
    mtime_ns=st.integers(-(2**60), 2**60),
)
names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0/"), min_size=1, max_size=60).filter(
    lambda name: name not in (".", "..")
)
layers = st.builds(
    lambda files, removed: LayerDiff(
        entries=tuple((f"/{name}", node) for name, node in sorted(files.items())),
        removed=frozenset(f"/{name}" for name in removed - files.keys()),
    ),
    st.dictionaries(names, entries, max_size=3),
    st.sets(names, max_size=3),
)

checkpoints = st.builds(
    ContainerCheckpoint,
    id=texts,
    config=configs(),
    image_id=texts,
    image_name=texts,
    image_ref=texts,
    plan=st.builds(
        ProcessPlan,
        argv=st.lists(words, min_size=1, max_size=3).map(tuple),
        env=st.lists(st.tuples(words, words), max_size=3).map(tuple),
        cwd=words.map("/{}".format),
        has_tty=st.booleans(),
    ),
    identity=st.none()
    | st.builds(ContainerIdentity, uid=ids, gid=ids, supplemental_groups=st.lists(ids, max_size=3).map(tuple)),
    created_at_ns=times,
    started_at_ns=times,
    checkpointed_at_ns=times,
    log=st.none() | st.binary(max_size=600),
    layer=layers,
)


def dumps(**fields: Any) -> Dumps:
    given_fields = {"name": "c", "runtime": "runc", "is_restored": False, "spec": {}, "status": api.ContainerStatus()}
    return Dumps(**(given_fields | fields))


def comparable(checkpoint: ContainerCheckpoint) -> dict[str, Any]:
    """The fields, with messages and nodes in a form that is compared by value."""
    fields = {name: getattr(checkpoint, name) for name in ContainerCheckpoint.__dataclass_fields__}
    return fields | {"config": MessageToDict(checkpoint.config), "layer": layer_to_tar(checkpoint.layer)}


@settings(max_examples=200)
@given(checkpoints)
def test_a_checkpoint_is_read_back_equal(checkpoint: ContainerCheckpoint) -> None:
    tar = checkpoint_to_tar(checkpoint, dumps())

    again = checkpoint_from_members(members_of_tar(tar))

    assert comparable(again) == comparable(checkpoint)
    assert checkpoint_to_tar(again, dumps()) == tar


@settings(max_examples=200)
@given(checkpoints, st.data())
def test_a_damaged_archive_is_read_or_refused(checkpoint: ContainerCheckpoint, data: st.DataObject) -> None:
    tar = bytearray(checkpoint_to_tar(checkpoint, dumps()))
    for _ in range(data.draw(st.integers(1, 5))):
        tar[data.draw(st.integers(0, len(tar) - 1))] = data.draw(st.integers(0, 255))

    try:
        found = checkpoint_from_members(members_of_tar(bytes(tar)))
    except ArchiveError:
        return
    assert comparable(found)  # and it can be used: no value in it is one that a container cannot have


@given(checkpoints, st.integers(0, 100))
def test_a_cut_archive_is_always_refused(checkpoint: ContainerCheckpoint, percent: int) -> None:
    tar = checkpoint_to_tar(checkpoint, dumps())
    # Behind the last member there is only padding.
    last = tar.rstrip(b"\0")

    with pytest.raises(ArchiveError):
        checkpoint_from_members(members_of_tar(tar[: len(last) * percent // 101]))


def one(**fields: Any) -> ContainerCheckpoint:
    given_fields: dict[str, Any] = {
        "id": "f00",
        "config": api.ContainerConfig(),
        "image_id": "sha256:1",
        "image_name": "app:1",
        "image_ref": "app@sha256:2",
        "plan": ProcessPlan(argv=("sh",), env=(), cwd="/", has_tty=False),
        "identity": None,
        "created_at_ns": 1_000_000_000,
        "started_at_ns": 0,
        "checkpointed_at_ns": 2_500_000_000,
        "log": None,
        "layer": LayerDiff(),
    }
    return ContainerCheckpoint(**(given_fields | fields))


def test_the_dump_of_the_config_is_what_checkpointctl_reads() -> None:
    members = members_of_tar(checkpoint_to_tar(one(), dumps(name="web_pod_ns_uid_0", is_restored=True)))

    assert json.loads(members["config.dump"]) == {
        "id": "f00",
        "name": "web_pod_ns_uid_0",
        "rootfsImage": "",
        "rootfsImageRef": "app@sha256:2",
        "rootfsImageName": "app:1",
        "runtime": "runc",
        "createdTime": "1970-01-01T00:00:01Z",
        "checkpointedTime": "1970-01-01T00:00:02.5Z",
        "restoredTime": "0001-01-01T00:00:00Z",
        "restored": True,
    }


def test_an_image_that_holds_the_members_is_read_as_well() -> None:
    members = members_of_tar(checkpoint_to_tar(one(log=b"text\n"), dumps()))
    tree = build_tree([(f"/{name}", file_node(content)) for name, content in members.items()])

    assert comparable(checkpoint_from_members(members_of_tree(tree))) == comparable(one(log=b"text\n"))


def test_more_than_an_archive_may_hold_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_archive, "ARCHIVE_BYTES_MAX", 20_000)

    with pytest.raises(ArchiveError, match="more than an archive here may: 20000"):
        checkpoint_to_tar(one(log=bytes(20_000)), dumps())
