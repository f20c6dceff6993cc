"""Every write of an Event: of which object, when, and what the Event said then."""

import pytest

import kubesim
from kubesim.errors import InputError
from kubesim.kernel import Kernel
from kubesim.model import k8s_v1 as v1
from kubesim.node.event_store import EventStore


def test_each_write_is_kept_as_it_was() -> None:
    kernel = Kernel(start_ns=5 * 10**9)
    store = EventStore(kernel)
    about = v1.ObjectReference(uid="u", field_path="spec.containers{c}")
    event = v1.Event(metadata=v1.ObjectMeta(name="e", namespace="n"), involved_object=about, count=1, message="m")
    store.create_event(event)
    kernel.run_until(8 * 10**9)
    assert store.patch_event(namespace="n", name="e", count=2, last_timestamp="later", message="m")
    rows = [one.as_dict(since_ns=10**9) for one in store.writes("u")]
    assert [(row["t"], row["count"], row["fieldPath"]) for row in rows] == [
        (4.0, 1, "spec.containers{c}"),
        (7.0, 2, "spec.containers{c}"),
    ]
    assert (rows[1]["lastTimestamp"], [one.count for one in store.events]) == ("later", [2])
    assert store.writes("other") == []


def test_writes_about_a_pod_outlive_it() -> None:
    with kubesim.Node() as node:
        container = {"name": "c", "image": "absent", "imagePullPolicy": "Never"}
        (key,) = node.apply(
            {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [container]}}
        )
        node.advance("30s")
        node.delete(key, grace_seconds=1)
        node.advance("30s")
        assert node.pods() == []
        failures = [one for one in node.event_writes(key) if one["reason"] == "ErrImageNeverPull"]
        assert [one["count"] for one in failures] == list(range(1, len(failures) + 1))
        assert len(failures) > 2
        with pytest.raises(InputError, match="there never was such a pod"):
            node.event_writes("default/q")
