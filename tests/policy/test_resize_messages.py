"""The texts of the Events of resizes."""

from kubesim.policy.resize_messages import COMPLETED, NamedResources, pending_words, resize_message
from kubesim.policy.status_resources import Quantities

MAIN = NamedResources(
    name="main",
    resources=Quantities(requests={"memory": "16Mi", "cpu": "50m"}, limits={"memory": "80Mi", "cpu": "100m"}),
)


def test_as_a_real_kubelet_wrote_it() -> None:
    text = (
        'Pod resize completed: {"containers":[{"name":"main","resources":{"limits":{"cpu":"100m","memory":"80Mi"},'
        '"requests":{"cpu":"50m","memory":"16Mi"}}}],"generation":2}'
    )
    assert resize_message(COMPLETED, generation=2, containers=[MAIN]) == text


def test_errors_init_containers_and_claims_are_told() -> None:
    claims = NamedResources(name="init", claims=[{"name": "gpu", "request": "one"}])
    found = resize_message(
        pending_words("OutOfcpu"), generation=3, containers=[], init_containers=[claims], error="<no room>"
    )
    assert found == (
        'Pod resize OutOfcpu: {"initContainers":[{"name":"init","resources":{"claims":[{"name":"gpu","request":"one"}]'
        '}}],"generation":3,"error":"\\u003cno room\\u003e"}'
    )
