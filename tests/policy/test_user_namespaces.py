"""Ids of pods with a user namespace of their own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.policy.user_namespaces import (
    IdPool,
    IdRange,
    UserNamespaceError,
    pool_problem,
    read_range,
    wants_user_namespace,
    written_range,
)

ON = {"UserNamespacesSupport": True}
OFF = {"UserNamespacesSupport": False}
REFUSED = "can't set `spec.hostUsers: false`, runtime does not support user namespaces"


@given(st.integers(min_value=1, max_value=64).map(lambda units: units * 65536), st.data())
def test_ranges_lie_beside_each_other_and_leave_out_the_first(ids_per_pod, data):
    pool = IdPool(ids_per_pod=ids_per_pod)
    index = data.draw(st.integers(min_value=0, max_value=pool.size - 1))
    found = pool.range_at(index)
    assert found.first == ids_per_pod + index * ids_per_pod
    assert found.first + found.length <= 2**32
    assert pool.index_of(found) == index
    assert read_range(written_range(found)) == found


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (IdRange(first=65536, length=65537), "wrong user namespace length 65537"),
        (IdRange(first=65537, length=65536), "wrong user namespace offset specified 65537"),
        (IdRange(first=0, length=65536), "id 0 is out of range"),
        (IdRange(first=2**32, length=65536), "id 4294967296 is out of range"),
    ],
)
def test_a_range_that_the_node_does_not_have(found, text):
    with pytest.raises(UserNamespaceError) as caught:
        IdPool().index_of(found)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("ids_per_pod", "max_pods", "problem"),
    [
        (65536, 110, ""),
        (65536, 65535, ""),
        (65536, 65536, "kubelet user assigned IDs are not enough to support 65536 pods"),
        (65536 * 1024, 110, "kubelet user assigned IDs are not enough to support 110 pods"),
        (65535, 110, "kubelet user namespace length 65535 is not a multiple of 65536"),
    ],
)
def test_whether_the_ids_suffice(ids_per_pod, max_pods, problem):
    shown = f"create user namespace manager: {problem}" if problem else ""
    assert pool_problem(IdPool(ids_per_pod=ids_per_pod), max_pods=max_pods) == shown


@pytest.mark.parametrize(
    ("host_users", "handlers", "gates", "wanted"),
    [
        (None, {}, ON, False),
        (None, {}, OFF, None),
        (True, {}, ON, False),
        (False, {"": True}, ON, True),
        (False, {"": True, "kata": False}, ON, True),
    ],
)
def test_which_namespace(host_users, handlers, gates, wanted):
    assert wants_user_namespace(host_users, handlers, gates) is wanted


@pytest.mark.parametrize(
    ("handlers", "gates", "handler", "text"),
    [
        ({}, ON, "", REFUSED),
        ({"": False}, ON, "", REFUSED),
        (
            {"runc": True},
            ON,
            "",
            f'{REFUSED}: the handler "" is not known',
        ),
        (
            {"kata": False},
            ON,
            "kata",
            'can\'t set `spec.hostUsers: false`, RuntimeClass handler "kata" does not support user namespaces',
        ),
        ({"": True}, OFF, "", 'the feature gate "UserNamespacesSupport" is disabled: can\'t set spec.HostUsers'),
    ],
)
def test_refused(handlers, gates, handler, text):
    with pytest.raises(UserNamespaceError) as caught:
        wants_user_namespace(False, handlers, gates, handler=handler)
    assert str(caught.value) == text


def test_the_file_is_the_kubelets():
    assert written_range(IdRange(first=131072, length=65536)) == (
        b'{"uidMappings":[{"hostId":131072,"containerId":0,"length":65536}],'
        b'"gidMappings":[{"hostId":131072,"containerId":0,"length":65536}]}'
    )


ONE = '{"hostId":65536,"containerId":0,"length":65536}'
OTHER = '{"hostId":131072,"containerId":0,"length":65536}'
WITHOUT_ROOT = '{"hostId":65536,"containerId":1,"length":65536}'


@pytest.mark.parametrize(
    ("uids", "gids", "text"),
    [
        ("", ONE, "no more than one mapping allowed."),
        (f"{ONE},{OTHER}", ONE, "no more than one mapping allowed."),
        (ONE, "", "GID and UID mappings should be identical."),
        (ONE, OTHER, "GID and UID mapping should be identical"),
        (WITHOUT_ROOT, WITHOUT_ROOT, "UID 0 must be mapped"),
    ],
)
def test_files_that_no_kubelet_wrote(uids, gids, text):
    with pytest.raises(UserNamespaceError) as caught:
        read_range(f'{{"uidMappings":[{uids}],"gidMappings":[{gids}]}}'.encode())
    assert str(caught.value) == f"invalid user namespace configuration: {text}"


def test_a_file_that_is_no_json():
    with pytest.raises(UserNamespaceError, match="invalid user namespace mappings file: "):
        read_range(b"x")
