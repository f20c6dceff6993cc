"""Where the kubelet stands in the order in which Windows stops services."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.policy.preshutdown_order import preshutdown_order


@pytest.mark.parametrize(
    ("existing", "dependencies", "expected"),
    [
        (["x", "b", "y", "c", "z"], ["a", "b", "c", "d"], ["x", "kubelet", "b", "y", "c", "z", "a", "d"]),
        ([], ["a"], ["kubelet", "a"]),
        (["x"], [], ["x"]),
        (["kubelet", "x"], [], ["kubelet", "x"]),
        (["a", "KubeLet", "x", "kubelet"], ["x"], ["a", "kubelet", "x"]),
        (["A"], ["a"], ["A", "kubelet", "a"]),
        (["x", "kubelet"], ["containerd"], ["x", "kubelet", "containerd"]),
    ],
)
def test_preshutdown_order(existing: list[str], dependencies: list[str], expected: list[str]) -> None:
    assert preshutdown_order(existing=existing, dependencies=dependencies) == expected


def test_another_service() -> None:
    assert preshutdown_order(["proxy", "net"], ["net"], service="proxy") == ["proxy", "net"]


_NAMES = st.lists(st.sampled_from(["a", "b", "c", "x", "y", "kubelet", "Kubelet"]), max_size=6)


@given(existing=_NAMES, dependencies=st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4))
def test_the_service_stands_once_and_before_all_it_depends_on(existing: list[str], dependencies: list[str]) -> None:
    order = preshutdown_order(existing, dependencies)
    place = order.index("kubelet")
    assert [name.lower() for name in order].count("kubelet") == 1
    assert all(order.index(dependency) > place for dependency in dependencies)
    others = [name for name in existing if name.lower() != "kubelet"]
    kept = [name for name in order if name != "kubelet"]
    assert kept[: len(others)] == others
    assert preshutdown_order(order, dependencies) == order
