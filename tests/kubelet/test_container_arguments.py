"""Arguments of CreateContainer that a real kubelet 1.36 was seen to pass over `kubesim serve`."""

from kubesim.kubelet.annotation_json import handler_json, ports_json
from kubesim.kubelet.container_hash import container_hash
from kubesim.model import k8s_v1 as v1


def test_the_hash_is_that_of_a_real_kubelet() -> None:
    assert container_hash("main", "registry.k8s.io/e2e-test-images/busybox:1.29-2") == "c991af1e"


def test_ports_are_written_in_the_order_of_gos_struct() -> None:
    port = v1.ContainerPort(name="web", host_port=80, container_port=8080, protocol="TCP", host_ip="127.0.0.1")
    assert ports_json([port]) == (
        '[{"name":"web","hostPort":80,"containerPort":8080,"protocol":"TCP","hostIP":"127.0.0.1"}]'
    )


def test_a_hook_is_written_in_the_order_of_gos_struct() -> None:
    header = v1.HTTPHeader(name="X", value="a<b")
    get = v1.HTTPGetAction(path="/x", port=80, host="h", scheme="HTTP", http_headers=[header])
    assert handler_json(v1.LifecycleHandler(http_get=get)) == (
        '{"httpGet":{"path":"/x","port":80,"host":"h","scheme":"HTTP","httpHeaders":[{"name":"X","value":"a\\u003cb"}]}}'
    )
    assert handler_json(v1.LifecycleHandler(sleep=v1.SleepAction(seconds=3))) == '{"sleep":{"seconds":3}}'
