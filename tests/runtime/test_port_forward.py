"""One connection of PortForward in the runtime: dialled in the pod's network, copied both ways, ended by its rules."""

from __future__ import annotations

import pytest

from kubesim.cri import CriError, api
from kubesim.kernel import Event, Task
from kubesim.runtime.port_forward import forward
from kubesim.userland.network.address import SocketAddress
from kubesim.userland.network.namespace import NetworkNamespace
from kubesim.userland.network.stream import Listener, Stream

from .conftest import Driver

HOSTS = ("containerd-2.3", "cri-o-1.36")


class Client:
    """What a client sends, and what it got. It takes nothing while `is_reading` is False."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.has_ended = False
        self.got = b""
        self.is_ended = False
        self.is_reading = True
        self.is_gone = False
        self._changed = Event()

    def send(self, data: bytes) -> None:
        self.sent.append(data)
        self._wake()

    def finish(self) -> None:
        self.has_ended = True
        self._wake()

    def leave(self) -> None:
        self.is_gone = True
        self.finish()

    def listen(self) -> None:
        self.is_reading = True
        self._wake()

    async def read(self) -> bytes:
        while not self.sent:
            if self.has_ended:
                return b""
            await self._changed.wait()
        return self.sent.pop(0)

    async def write(self, data: bytes) -> bool:
        while not self.is_reading:
            await self._changed.wait()
        if self.is_gone:
            return False
        self.got += data
        return True

    def end(self) -> None:
        self.is_ended = True

    def _wake(self) -> None:
        self._changed.set()
        self._changed.clear()


class Pod:
    """A pod with a listener that the test answers for."""

    def __init__(self, node: Driver, config: api.PodSandboxConfig | None = None) -> None:
        self.node = node
        self.id = node.run_pod(config)

    @property
    def network(self) -> NetworkNamespace:
        network = self.node.runtime.daemon.sandboxes.get(self.id).network
        return network or self.node.runtime.daemon.processes.network.node

    def listen(self, ip: str = "127.0.0.1", port: int = 80, backlog: int = 10) -> Listener:
        listener = self.network.listen(SocketAddress(ip, port), backlog=backlog, uid=0, is_privileged=True)
        listener.hold()
        return listener

    def forward(self, client: Client, port: int = 80) -> Task[None]:
        task = self.node.spawn(forward(self.node.runtime.daemon, self.id, port, client))
        self.node.advance(0)
        return task

    def accept(self, listener: Listener) -> Stream:
        stream = listener.accept_now()
        assert stream is not None
        stream.hold()
        return stream


def failure(task: Task[None]) -> str:
    assert isinstance(task.error, CriError)
    return task.error.message


@pytest.fixture(params=HOSTS)
def pod(request: pytest.FixtureRequest) -> Pod:
    return Pod(Driver(request.param))


def test_bytes_go_both_ways(pod: Pod) -> None:
    listener, client = pod.listen(), Client()
    task = pod.forward(client)
    stream = pod.accept(listener)
    client.send(b"GET /")
    pod.node.advance(0)
    assert stream.read_now(100) == b"GET /"
    assert stream.write_now(b"200 OK") is None
    pod.node.advance(3600)
    assert (client.got, task.is_done) == (b"200 OK", False)


def test_a_program_that_is_done_ends_the_client_a_second_later(pod: Pod) -> None:
    listener, client = pod.listen(), Client()
    task = pod.forward(client)
    stream = pod.accept(listener)
    stream.write_now(b"bye")
    stream.shut_down()
    pod.node.advance(0.999)
    client.send(b"still heard")
    pod.node.advance(0)
    assert (client.got, client.is_ended, stream.read_now(100)) == (b"bye", False, b"still heard")
    pod.node.advance(0.001)
    assert (client.is_ended, task.is_done, task.error) == (True, True, None)
    assert stream.read_now(100) == b""


def test_a_client_that_is_done_has_a_second_for_the_answer(pod: Pod) -> None:
    listener, client = pod.listen(), Client()
    task = pod.forward(client)
    stream = pod.accept(listener)
    client.send(b"question")
    client.finish()
    pod.node.advance(0.5)
    assert stream.read_now(100) == b"question"
    assert stream.read_now(100) is None  # nobody closes half of the pod's connection
    stream.write_now(b"answer")
    pod.node.advance(0.5)
    assert (client.got, client.is_ended, task.is_done, task.error) == (b"answer", True, True, None)
    assert stream.read_now(100) == b""


def test_when_both_are_done_nobody_waits(pod: Pod) -> None:
    listener, client = pod.listen(), Client()
    task = pod.forward(client)
    pod.accept(listener).shut_down()
    client.finish()
    pod.node.advance(0)
    assert (client.is_ended, task.is_done, task.error) == (True, True, None)


def test_a_client_that_is_gone_leaves_at_the_next_output(pod: Pod) -> None:
    listener, client = pod.listen(), Client()
    task = pod.forward(client)
    stream = pod.accept(listener)
    client.leave()
    pod.node.advance(0.1)
    assert not task.is_done
    stream.write_now(b"lost")
    pod.node.advance(0)
    assert (task.is_done, task.error, client.got) == (True, None, b"")


def test_a_client_that_does_not_read_makes_the_program_wait(pod: Pod) -> None:
    listener, client = pod.listen(), Client()
    client.is_reading = False
    pod.forward(client)
    stream = pod.accept(listener)
    rest: bytes | None = bytes(1_000_000)
    for _ in range(5):
        rest = stream.write_now(rest or b"")
        pod.node.advance(100)
    assert rest is not None
    assert 1_000_000 - len(rest) < 300_000
    client.listen()
    while rest:
        pod.node.advance(0)
        rest = stream.write_now(rest)
    pod.node.advance(0)
    assert client.got == bytes(1_000_000)


def test_a_program_that_does_not_read_makes_the_client_wait(pod: Pod) -> None:
    listener, client = pod.listen(), Client()
    pod.forward(client)
    stream = pod.accept(listener)
    for _ in range(100):
        client.send(bytes(10_000))
    pod.node.advance(100)
    assert len(client.sent) > 80
    total = 0
    while data := stream.read_now(50_000):
        total += len(data)
        pod.node.advance(0)
    assert total == 1_000_000


def netns(pod: Pod, prefix: str) -> str:
    digits = pod.id
    return f"/var/run/netns/{prefix}{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:32]}"


def refused_text(pod: Pod, profile: str, path: str) -> str:
    start = f"error forwarding port 80 to pod {pod.id}, uid : "
    if profile.startswith("cri-o"):
        return (
            f'{start}port forward into network namespace "{path}": failed to connect to localhost:80 inside '
            f"namespace {pod.id}: dial tcp [::1]:80: connect: connection refused"
        )
    return (
        f'{start}failed to execute portforward in network namespace "{path}": failed to connect to localhost:80 inside '
        f'namespace "{pod.id}", IPv4: dial tcp4 127.0.0.1:80: connect: connection refused '
        "IPv6 dial tcp6 [::1]:80: connect: connection refused "
    )


@pytest.mark.parametrize("profile", HOSTS)
def test_nobody_listens(profile: str) -> None:
    pod, client = Pod(Driver(profile)), Client()
    task = pod.forward(client)
    prefix = "" if profile.startswith("cri-o") else "cni-"
    assert failure(task) == refused_text(pod, profile, netns(pod, prefix))
    assert client.is_ended


@pytest.mark.parametrize("profile", HOSTS)
def test_a_pod_in_the_nodes_network(profile: str) -> None:
    node = Driver(profile)
    security = api.LinuxSandboxSecurityContext(namespace_options=api.NamespaceOption(network=api.NODE))
    config = node.pod_config("own", linux=api.LinuxPodSandboxConfig(security_context=security))
    pod, client = Pod(node, config), Client()
    path = netns(pod, "") if profile.startswith("cri-o") else "host"
    assert failure(pod.forward(client)) == refused_text(pod, profile, path)
    listener = pod.listen()
    assert not pod.forward(client).is_done
    assert pod.accept(listener)


@pytest.mark.parametrize(("profile", "ip"), [("containerd-2.3", "127.0.0.1"), ("cri-o-1.36", "::1")])
def test_who_listens_on_both_families_gets_the_first(profile: str, ip: str) -> None:
    pod = Pod(Driver(profile))
    listeners = {ip: pod.listen(ip) for ip in ("127.0.0.1", "::1")}
    pod.forward(Client())
    assert [at for at, listener in listeners.items() if listener.accept_now()] == [ip]


@pytest.mark.parametrize("profile", HOSTS)
@pytest.mark.parametrize("ip", ["127.0.0.1", "::1", "0.0.0.0", "::"])
def test_one_family_is_enough(profile: str, ip: str) -> None:
    pod = Pod(Driver(profile))
    listener = pod.listen(ip)
    assert not pod.forward(Client()).is_done
    assert pod.accept(listener)


def test_an_address_of_the_pod_is_not_localhost(pod: Pod) -> None:
    pod.listen(pod.node.pod_status(pod.id).network.ip)
    assert "connection refused" in failure(pod.forward(Client()))


def test_nobody_answers(pod: Pod) -> None:
    listeners = [pod.listen(ip, backlog=0) for ip in ("127.0.0.1", "::1")]
    tasks = [pod.forward(Client()) for _ in range(3)]
    pod.node.advance(600)
    assert [task.is_done for task in tasks] == [False, False, True]
    assert "connect: connection timed out" in failure(tasks[2])
    assert [len([1 for _ in range(3) if listener.accept_now()]) for listener in listeners] == [1, 1]


READ = "read {net} {ends}: read: connection reset by peer"


@pytest.mark.parametrize(
    ("profile", "net", "ip", "text"),
    [
        ("containerd-2.3", "tcp4", "127.0.0.1", f"writeto {{net}} {{ends}}: {READ}"),
        ("containerd-2.3", "tcp6", "[::1]", f"writeto {{net}} {{ends}}: {READ}"),
        ("containerd-1.6.35", "tcp4", "127.0.0.1", READ),
        ("cri-o-1.36", "tcp", "127.0.0.1", f"writeto {{net}} {{ends}}: {READ}"),
        ("cri-o-1.29", "tcp", "[::1]", READ),
    ],
)
def test_a_program_that_breaks_off(profile: str, net: str, ip: str, text: str) -> None:
    pod, client = Pod(Driver(profile)), Client()
    listener = pod.listen(ip.strip("[]"))
    task = pod.forward(client)
    pod.accept(listener).abort()
    pod.node.advance(1)
    ends = f"{ip}:32768->{ip}:80"
    assert failure(task).endswith(f'": {text.format(net=net, ends=ends)}')
    assert client.is_ended


def test_a_program_that_takes_no_more(node: Driver) -> None:
    pod, client = Pod(node), Client()
    listener = pod.listen()
    task = pod.forward(client)
    pod.accept(listener).release()  # closed: what comes now is answered with a reset
    client.send(b"one")
    pod.node.advance(0.1)
    client.send(b"two")
    pod.node.advance(1)
    ends = "tcp4 127.0.0.1:32768->127.0.0.1:80"
    assert failure(task).endswith(f'": readfrom {ends}: write {ends}: write: broken pipe')


@pytest.mark.parametrize(
    ("profile", "text"),
    [
        ("containerd-2.3", 'failed to find sandbox "ffff" in store: not found'),
        ("cri-o-1.36", "PodSandbox with ID starting with ffff not found: ID does not exist"),
    ],
)
def test_a_pod_that_is_not_there(profile: str, text: str) -> None:
    node, client = Driver(profile), Client()
    refused = node.refused(forward(node.runtime.daemon, "ffff", 80, client))
    assert refused.message == f"error forwarding port 80 to pod ffff, uid : {text}"
    assert not client.is_ended  # the streams are reset instead


@pytest.mark.parametrize(
    ("profile", "text"),
    [
        ("containerd-2.3", 'network namespace for sandbox "{id}" is closed'),
        ("cri-o-1.36", "sandbox {id} is not running"),
    ],
)
def test_a_pod_that_was_stopped(profile: str, text: str) -> None:
    node, client = Driver(profile), Client()
    pod = node.run_pod()
    node.stop_pod(pod)
    refused = node.refused(forward(node.runtime.daemon, pod, 80, client))
    assert refused.message == f"error forwarding port 80 to pod {pod}, uid : {text.format(id=pod)}"


def test_a_connection_outlives_the_address_of_its_pod(pod: Pod) -> None:
    listener, client = pod.listen(), Client()
    task = pod.forward(client)
    stream = pod.accept(listener)
    pod.node.stop_pod(pod.id)
    stream.write_now(b"last words")
    pod.node.advance(0)
    assert (client.got, task.is_done) == (b"last words", False)


def test_connections_leave_nothing_behind(pod: Pod) -> None:
    listener = pod.listen()
    before = pod.node.kernel.pending_count
    for _ in range(20):
        client = Client()
        task = pod.forward(client)
        stream = pod.accept(listener)
        stream.release()
        client.finish()
        pod.node.advance(0)
        assert task.is_done
    assert pod.node.kernel.pending_count == before
    assert [socket for socket in pod.network.sockets() if isinstance(socket, Stream)] == []
