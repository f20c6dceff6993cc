"""Services beside pods: what the containers are told of them."""

from typing import Any

import pytest

from kubesim.errors import InputError


def service(name: str, **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def variables(story: Any, *names: str) -> list[str]:
    lines = story.node.exec("default/web", ["env"]).stdout.decode().splitlines()
    found = dict(line.split("=", 1) for line in lines)
    return [found.get(name, "-") for name in names]


def test_variables_of_a_service_that_was_there_before_the_container(story: Any, c: Any) -> None:
    keys = [
        *story.node.apply(service("db", ports=[{"port": 5432}])),
        *story.node.apply(service("kubernetes", clusterIP="10.96.0.1", ports=[{"port": 443, "name": "https"}])),
    ]
    assert keys == ["service/default/db", "service/default/kubernetes"]
    env = [{"name": "URL", "value": "$(DB_PORT)/x"}, {"name": "DB_SERVICE_PORT", "value": "mine"}]
    story.pod(c("a", env=env))
    story.run("5s")
    story.node.apply(service("late", ports=[{"port": 1}]))
    names = ("DB_SERVICE_HOST", "DB_SERVICE_PORT", "URL", "KUBERNETES_SERVICE_PORT_HTTPS", "LATE_SERVICE_HOST")
    assert variables(story, *names) == ["10.96.0.16", "mine", "tcp://10.96.0.16:5432/x", "443", "-"]
    story.exit(1)
    story.run("5s")
    assert variables(story, "LATE_SERVICE_HOST") == ["10.96.0.17"]


def test_a_pod_without_service_links(story: Any, c: Any) -> None:
    story.node.apply(service("db", ports=[{"port": 5432}]))
    story.pod(c("a"), enableServiceLinks=False)
    story.run("5s")
    assert variables(story, "DB_SERVICE_HOST") == ["-"]


def test_services_without_an_address(story: Any, c: Any) -> None:
    story.node.apply(service("headless", clusterIP="None"))
    story.node.apply(service("elsewhere", type="ExternalName", externalName="example.com"))
    story.pod(c("a"))
    story.run("5s")
    assert variables(story, "HEADLESS_SERVICE_HOST", "ELSEWHERE_SERVICE_HOST") == ["-", "-"]


def test_an_address_is_kept(story: Any, c: Any) -> None:
    story.node.apply(service("db", ports=[{"port": 5432}]))
    story.node.apply(service("db", ports=[{"port": 5433}]))
    story.pod(c("a"))
    story.run("5s")
    assert variables(story, "DB_SERVICE_HOST", "DB_SERVICE_PORT") == ["10.96.0.16", "5433"]
    with pytest.raises(
        InputError, match=r'spec\.clusterIPs\[0\]: Invalid value: \["10.96.0.99"\]: may not change once'
    ):
        story.node.apply(service("db", clusterIP="10.96.0.99", ports=[{"port": 5433}]))
    story.node.delete("service/default/db")
    with pytest.raises(InputError, match="there is no such service"):
        story.node.delete("service/default/db")


def test_what_the_api_server_refuses(story: Any) -> None:
    ports = [{"port": 0, "protocol": "SMTP"}, {"port": 2, "name": "b"}, {"port": 3, "name": "b"}]
    with pytest.raises(InputError) as caught:
        story.node.apply(service("db", clusterIP="x", type="Door", ports=ports))
    bodies = [line.partition(": spec.")[2] for line in str(caught.value).splitlines()]
    assert bodies == [
        "ports[0].name: Required value",
        "ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
        'ports[0].protocol: Unsupported value: "SMTP": supported values: "SCTP", "TCP", "UDP"',
        "ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive",
        'ports[2].name: Duplicate value: "b"',
        'clusterIPs[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
        'type: Unsupported value: "Door": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
    ]
    with pytest.raises(InputError, match=r"spec\.ports: Required value"):
        story.node.apply(service("db"))
