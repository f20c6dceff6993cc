"""A container that takes the place of one before it: what is taken over, and when it is not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from kubesim.cri import api
from kubesim.userland.files.unbuilt import UnbuiltFileSystem

PROFILES = ("containerd-2.3", "cri-o-1.36")
BUSYBOX = "registry.example/busybox:1"
SHOW = "id; pwd; env | sort; echo $0; mount; ls -lan / /etc /dev /mnt /mnt/*; cat /etc/hostname /mnt/data/file; df"


def mount(path: str, source: str, **fields: Any) -> api.Mount:
    return api.Mount(container_path=path, host_path=source, **fields)


class Place:
    """A pod with one container, which is made again and again."""

    def __init__(self, node: Any, **fields: Any) -> None:
        self.node = node
        self.pod_config = node.pod_config(log_directory="/logs")
        self.pod = node.run_pod(self.pod_config)
        self.attempt = 0
        self.command: tuple[str, ...] = ("sleep", "1000")
        self.fields: dict[str, Any] = fields

    def config(self) -> api.ContainerConfig:
        """What a kubelet would ask for next."""
        config: api.ContainerConfig = self.node.container_config(
            *self.command,
            attempt=self.attempt,
            log_path=f"ctr/{self.attempt}.log",
            annotations={"restartCount": str(self.attempt)},
            **self.fields,
        )
        self.attempt += 1
        return config

    def create(self) -> Any:
        """The next container, as the runtime keeps it."""
        return self.node.runtime.daemon.containers.get(self.node.create(self.pod, self.config(), self.pod_config))

    def refusal(self) -> str:
        """What the runtime says to the next container, at its creation or at its start."""

        async def both() -> None:
            await self.node.starting((await self.node.creating(self.pod, self.config(), self.pod_config)).container_id)

        return str(self.node.refused(both()).message)

    def start(self) -> Any:
        """The next container, started."""
        container = self.create()
        self.node.do(self.node.starting(container.id))
        return container

    def again(self, times: int = 3) -> Any:
        """The last of some containers, each of which ends before the next begins."""
        for _ in range(times - 1):
            self.node.do(self.node.stopping(self.start().id))
        return self.start()

    def out(self, container: Any, script: str) -> str:
        """What a script in a container prints."""
        response = self.node.do(self.node.execing(container.id, "sh", "-c", script))
        return str(response.stdout.decode() + response.stderr.decode())


def is_taken_over(container: Any) -> bool:
    """Whether it began as the one before it: nobody has looked into its files yet."""
    return isinstance(container.filesystem, UnbuiltFileSystem)


@pytest.fixture(params=PROFILES)
def place(request: pytest.FixtureRequest, new_node: Callable[..., Any]) -> Place:
    node = new_node(request.param)
    node.files.make_dirs("/data")
    node.files.write("/data/file", b"from the node\n")
    node.files.write("/last-words", b"")
    return Place(node, mounts=[mount("/mnt/data", "/data"), mount("/mnt/words", "/last-words")])


def test_the_first_two_are_seen_and_the_next_are_taken_over(place: Place) -> None:
    first, second, third = place.start(), place.start(), place.start()
    assert [is_taken_over(one) for one in (first, second, third)] == [False, True, True]
    assert first.beginning is None, "the only container of its place keeps nothing for another"
    assert second.beginning is third.beginning
    assert second.plan is first.plan


def test_nobody_can_tell_it_from_the_first(place: Place) -> None:
    first = place.start()
    seen = place.out(first, SHOW)
    usage = first.filesystem.layer_usage()
    container = place.again()
    assert is_taken_over(container)
    assert container.filesystem.layer_usage() == usage
    place.node.advance(60)
    assert place.out(container, SHOW) == seen
    assert container.filesystem.layer_usage() == usage
    for field in ("identity", "credentials", "stop_signal", "encoded_resources", "account_files", "encoded_mounts"):
        assert getattr(container, field) == getattr(first, field)


def test_its_mount_points_are_as_old_as_it_is(place: Place) -> None:
    first = place.start()
    place.node.advance(100)
    container = place.again()
    began = place.node.kernel.now_ns // 10**9
    place.node.advance(100)
    assert place.out(container, "stat -c %Y /mnt") == f"{began}\n"
    assert place.out(first, "stat -c %Y /mnt") != f"{began}\n"


def test_what_a_process_changes_stays_in_its_container(place: Place) -> None:
    place.command = ("sh", "-c", "ls /new; touch /new; sleep 1000")
    container = place.again(4)
    assert place.out(container, "ls /new") == "/new\n"
    log = place.node.files.read(container.log_path).decode()
    assert "No such file" in log


def test_its_binds_are_those_of_the_moment(place: Place) -> None:
    place.again()
    place.node.files.write("/other-words", b"")
    place.fields["mounts"] = [mount("/mnt/data", "/data"), mount("/mnt/words", "/other-words")]
    container = place.start()
    assert is_taken_over(container)
    place.out(container, "echo last > /mnt/words")
    assert place.node.files.read("/other-words") == b"last\n"
    assert place.node.files.read("/last-words") == b""


def test_a_bind_that_became_another_kind_is_seen(place: Place) -> None:
    place.again()
    place.node.files.remove("/last-words")
    place.node.files.make_dirs("/last-words")
    container = place.start()
    assert not is_taken_over(container)
    assert place.out(container, "stat -c %F /mnt/words") == "directory\n"


@pytest.mark.parametrize(
    "change",
    [
        {"command": ("sleep", "1001")},
        {"envs": [api.KeyValue(key="A", value=b"1")]},
        {"working_dir": "/etc"},
        {"tty": True},
        {"linux": api.LinuxContainerConfig(resources=api.LinuxContainerResources(memory_limit_in_bytes=1 << 26))},
        {
            "linux": api.LinuxContainerConfig(
                security_context=api.LinuxContainerSecurityContext(run_as_user=api.Int64Value(value=1000))
            )
        },
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_request_is_worked_out_anew(place: Place, change: dict[str, Any]) -> None:
    before = place.again()
    fields = dict(change)
    place.command = fields.pop("command", place.command)
    place.fields |= fields
    container = place.start()
    assert container.beginning is None
    assert container.plan is not before.plan


def test_another_image_under_the_same_name(place: Place, new_image: Callable[..., Any]) -> None:
    place.command = ("cat", "/marker")
    place.again()
    place.node.runtime.add_image(new_image(BUSYBOX, marker="other"))
    container = place.start()
    assert container.beginning is None
    place.node.advance(1)
    assert b"other" in place.node.files.read(container.log_path)


def test_an_image_that_is_gone(place: Place) -> None:
    container = place.again()
    place.node.do(place.node.stopping(container.id))
    for one in list(place.node.runtime.daemon.containers):
        if one is not container:
            place.node.do(place.node.removing(one.id))
    store = place.node.runtime.daemon.images
    store.remove(store.find(BUSYBOX).found)
    assert BUSYBOX in place.refusal()


def test_another_sandbox_begins_anew(place: Place) -> None:
    place.again()
    place.pod_config = place.node.pod_config("other")
    place.pod = place.node.run_pod(place.pod_config)
    assert place.start().beginning is None


def test_what_an_earlier_daemon_made_is_not_taken_over(place: Place) -> None:
    place.start().is_made_here = False
    container = place.start()
    assert container.beginning is None
    assert place.start().beginning is not None


def test_an_update_counts_for_one_container_only(place: Place) -> None:
    container = place.again()
    asked = container.encoded_resources
    limits = api.LinuxContainerResources(memory_limit_in_bytes=1 << 27)
    update = api.UpdateContainerResourcesRequest(container_id=container.id, linux=limits)
    place.node.do(place.node.cri.update_container_resources(update))
    assert container.encoded_resources != asked
    assert place.start().encoded_resources == asked


def test_a_profile_on_the_node_is_read_each_time(place: Place) -> None:
    named = api.SecurityProfile(profile_type=api.SecurityProfile.Localhost, localhost_ref="/s.json")
    security = api.LinuxContainerSecurityContext(seccomp=named)
    place.fields["linux"] = api.LinuxContainerConfig(security_context=security)
    allow = {"defaultAction": "SCMP_ACT_ALLOW"}
    place.node.files.write("/s.json", json.dumps(allow).encode())
    place.again()
    forbid = allow | {"syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]}
    place.node.files.write("/s.json", json.dumps(forbid).encode())
    container = place.start()
    assert container.beginning is None
    assert "Operation not permitted" in place.out(container, "mkdir /new")


def test_a_program_in_a_bind_is_looked_for_each_time(place: Place) -> None:
    place.command = ("run",)
    place.fields["envs"] = [api.KeyValue(key="PATH", value=b"/mnt/data:/bin")]
    for number in range(4):
        place.node.files.write("/data/run", f"#!/bin/sh\necho {number}\n".encode(), 0o755)
        container = place.start()
        assert not is_taken_over(container)
        place.node.advance(1)
        assert place.node.files.read(container.log_path).endswith(f"F {number}\n".encode())


def test_a_mount_below_a_bind_is_made_there_each_time(place: Place) -> None:
    place.fields["mounts"] = [mount("/mnt/data", "/data"), mount("/mnt/data/below", "/last-words")]
    for _ in range(3):
        assert not is_taken_over(place.start())
        assert place.node.files.kind("/data/below") == "file"
        place.node.files.remove("/data/below")


def test_a_working_directory_that_the_image_lacks_is_made_each_time(place: Place) -> None:
    place.fields["working_dir"] = "/work/here"
    container = place.again()
    assert not is_taken_over(container)
    assert place.out(container, "pwd") == "/work/here\n"


def test_a_program_that_is_not_there_is_refused_each_time(place: Place) -> None:
    place.command = ("none",)
    messages = {re.sub("[0-9a-f]{64}", "ID", place.refusal()) for _ in range(4)}
    assert len(messages) == 1
