"""Variables of Services."""

import pytest

from kubesim.policy.service_variables import PortView, ServiceView, service_variables

HTTP = PortView(number=80, name="http-main")
DNS = PortView(number=53, name="dns", protocol="UDP")


def service(name: str, address: str = "10.96.0.20", *ports: PortView, namespace: str = "shop") -> ServiceView:
    return ServiceView(namespace=namespace, name=name, cluster_ip=address, ports=ports or (PortView(number=80),))


def test_all_variables_of_a_service() -> None:
    found = service_variables([service("web-app", "10.96.0.20", HTTP, DNS)], namespace="shop", has_links=True)
    assert found == {
        "WEB_APP_SERVICE_HOST": "10.96.0.20",
        "WEB_APP_SERVICE_PORT": "80",
        "WEB_APP_SERVICE_PORT_HTTP_MAIN": "80",
        "WEB_APP_SERVICE_PORT_DNS": "53",
        "WEB_APP_PORT": "tcp://10.96.0.20:80",
        "WEB_APP_PORT_80_TCP": "tcp://10.96.0.20:80",
        "WEB_APP_PORT_80_TCP_PROTO": "tcp",
        "WEB_APP_PORT_80_TCP_PORT": "80",
        "WEB_APP_PORT_80_TCP_ADDR": "10.96.0.20",
        "WEB_APP_PORT_53_UDP": "udp://10.96.0.20:53",
        "WEB_APP_PORT_53_UDP_PROTO": "udp",
        "WEB_APP_PORT_53_UDP_PORT": "53",
        "WEB_APP_PORT_53_UDP_ADDR": "10.96.0.20",
    }


def test_an_address_of_version_6_stands_in_brackets() -> None:
    found = service_variables([service("a", "fd00::1")], namespace="shop", has_links=True)
    assert (found["A_PORT"], found["A_SERVICE_HOST"]) == ("tcp://[fd00::1]:80", "fd00::1")


@pytest.mark.parametrize(
    ("namespace", "has_links", "hosts"),
    [
        ("shop", True, {"A_SERVICE_HOST", "KUBERNETES_SERVICE_HOST"}),
        ("shop", False, {"KUBERNETES_SERVICE_HOST"}),
        ("default", True, {"B_SERVICE_HOST", "KUBERNETES_SERVICE_HOST"}),
    ],
)
def test_which_services_a_pod_is_told_of(namespace: str, *, has_links: bool, hosts: set[str]) -> None:
    services = [
        service("a"),
        service("headless", "None"),
        service("external", ""),
        service("b", namespace="default"),
        service("kubernetes", "10.96.0.1", namespace="default"),
    ]
    found = service_variables(services, namespace=namespace, has_links=has_links)
    assert {name for name in found if name.endswith("_HOST")} == hosts
    assert found["KUBERNETES_SERVICE_HOST"] == "10.96.0.1"


def test_a_service_of_the_namespace_that_has_the_name_of_a_master_service() -> None:
    services = [service("kubernetes", "10.96.0.9"), service("kubernetes", "10.96.0.1", namespace="default")]
    for order in (services, services[::-1]):
        found = service_variables(order, namespace="shop", has_links=True)
        wanted = "10.96.0.9"
        assert found["KUBERNETES_SERVICE_HOST"] == wanted
