"""Arguments of CreateContainer that a real kubelet 1.36 was seen to pass over `kubesim serve`."""

from kubesim.kubelet.annotation_json import handler_json, ports_json
from kubesim.kubelet.container_config import ContainerRequest
from kubesim.kubelet.container_hash import container_hash
from kubesim.kubelet.node_settings import NodeSettings
from kubesim.kubelet.security_config import linux_security_context
from kubesim.model import k8s_v1 as v1
from kubesim.policy.feature_gates import DEFAULT_GATES
from kubesim.policy.qos import QosClass


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


def test_seccomp_profiles_lie_below_the_root_directory_of_the_kubelet() -> None:
    profile = v1.SeccompProfile(type="Localhost", localhost_profile="mine/a.json")
    one = v1.Container(name="a", security_context=v1.SecurityContext(seccomp_profile=profile))
    request = ContainerRequest(
        pod=v1.Pod(spec=v1.PodSpec(containers=[one])),
        container=one,
        attempt=0,
        qos=QosClass.BEST_EFFORT,
        image_ref="",
        pod_ips=(),
        image_volumes={},
        target_container_id="",
        user_namespace=None,
        unique="",
    )
    node = NodeSettings(node_name="n", node_ip="192.0.2.2", cgroup_driver="systemd", gates=DEFAULT_GATES)
    context = linux_security_context(request, node, root_directory="/elsewhere")
    assert context.seccomp.localhost_ref == "/elsewhere/seccomp/mine/a.json"
