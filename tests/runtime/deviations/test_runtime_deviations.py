"""Deviations of the runtime service: sandboxes, containers, exec, stats."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from kubesim.cri import Code, CriError, api

Check = Callable[[str, Callable[[str], bool]], None]


def sandbox_status(node: Any, pod: str) -> api.PodSandboxStatusResponse:
    response: api.PodSandboxStatusResponse = node.do(
        node.cri.pod_sandbox_status(api.PodSandboxStatusRequest(pod_sandbox_id=pod))
    )
    return response


def test_sandbox_info_without_verbose(new_node: Any, shown_exactly_where_listed: Check) -> None:
    def shows(profile: str) -> bool:
        node = new_node(profile)
        return bool(sandbox_status(node, node.run_pod()).info)

    shown_exactly_where_listed("sandbox-info-without-verbose", shows)


def test_runtime_handler_missing(new_node: Any, shown_exactly_where_listed: Check) -> None:
    def shows(profile: str) -> bool:
        node = new_node(profile)
        handler = node.runtime.profile.default_handler
        pod = node.run_pod(handler=handler)
        assert node.pods()[0].runtime_handler == handler
        return sandbox_status(node, pod).status.runtime_handler != handler

    shown_exactly_where_listed("runtime-handler-missing", shows)


def test_duplicate_create(new_node: Any, shown_exactly_where_listed: Check) -> None:
    def shows(profile: str) -> bool:
        node = new_node(profile)
        pod = node.run_pod()
        container = node.create(pod, node.container_config("true"))
        try:
            assert node.run_pod() == pod
            assert node.create(pod, node.container_config("true")) == container
        except CriError as error:
            return "is reserved for" not in error.message
        return True

    shown_exactly_where_listed("duplicate-create", shows)


def test_exec_timeout_is_an_exit_code(new_node: Any, shown_exactly_where_listed: Check) -> None:
    def shows(profile: str) -> bool:
        node = new_node(profile)
        container = node.start(node.run_pod(), "sleep", "1000")
        try:
            response = node.do(node.execing(container, "sleep", "100", seconds=1))
        except CriError as error:
            return error.code is not Code.DEADLINE_EXCEEDED
        assert (response.exit_code, bytes(response.stderr)) == (-1, b"command timed out")
        return True

    shown_exactly_where_listed("exec-timeout-is-an-exit-code", shows)


def test_missing_object_is_unknown(new_node: Any, shown_exactly_where_listed: Check) -> None:
    def shows(profile: str) -> bool:
        node = new_node(profile)
        missing = "0" * 64
        codes = {
            node.refused(node.cri.container_stats(api.ContainerStatsRequest(container_id=missing))).code,
            node.refused(node.cri.pod_sandbox_stats(api.PodSandboxStatsRequest(pod_sandbox_id=missing))).code,
            node.refused(node.cri.reopen_container_log(api.ReopenContainerLogRequest(container_id=missing))).code,
            node.refused(
                node.cri.update_container_resources(api.UpdateContainerResourcesRequest(container_id=missing))
            ).code,
            node.refused(node.creating(missing, node.container_config("true"))).code,
        }
        assert len(codes) == 1, codes
        return codes == {Code.UNKNOWN}

    shown_exactly_where_listed("missing-object-is-unknown", shows)


def test_default_interface_is_loopback(new_node: Any, shown_exactly_where_listed: Check) -> None:
    def shows(profile: str) -> bool:
        node = new_node(profile)
        pod = node.run_pod()
        node.start(pod, "sleep", "100")
        stats = node.do(node.cri.pod_sandbox_stats(api.PodSandboxStatsRequest(pod_sandbox_id=pod))).stats
        name = stats.linux.network.default_interface.name
        assert name in ("lo", "eth0")
        return bool(name == "lo")

    shown_exactly_where_listed("default-interface-is-loopback", shows)


def test_capability_prefix_doubled(new_node: Any, shown_exactly_where_listed: Check) -> None:
    def shows(profile: str) -> bool:
        node = new_node(profile)
        config = node.container_config("true")
        config.linux.security_context.capabilities.add_capabilities.append("CAP_SYS_TIME")
        container = node.create(node.run_pod(), config)
        request = api.ContainerStatusRequest(container_id=container, verbose=True)
        spec = json.loads(node.do(node.cri.container_status(request)).info["info"])["runtimeSpec"]
        names = spec["process"]["capabilities"]["bounding"]
        assert ("CAP_SYS_TIME" in names) != ("CAP_CAP_SYS_TIME" in names)
        return "CAP_CAP_SYS_TIME" in names

    shown_exactly_where_listed("capability-prefix-doubled", shows)


def test_create_in_stopped_sandbox(new_node: Any, shown_exactly_where_listed: Check) -> None:
    def shows(profile: str) -> bool:
        node = new_node(profile)
        pod = node.run_pod()
        node.stop_pod(pod)
        try:
            container = node.create(pod, node.container_config("true"))
        except CriError as error:
            return pod not in error.message
        return "is not running" in node.refused(node.starting(container)).message

    shown_exactly_where_listed("create-in-stopped-sandbox", shows)


def test_sandbox_resources_unknown(new_node: Any, shown_exactly_where_listed: Check) -> None:
    def shows(profile: str) -> bool:
        node = new_node(profile)
        request = api.UpdatePodSandboxResourcesRequest(pod_sandbox_id=node.run_pod())
        try:
            node.do(node.cri.update_pod_sandbox_resources(request))
        except CriError as error:
            return error.code is Code.UNKNOWN
        return False

    shown_exactly_where_listed("sandbox-resources-unknown", shows)


def test_checkpoint_off(new_node: Any, shown_exactly_where_listed: Check) -> None:
    def shows(profile: str) -> bool:
        node = new_node(profile)
        container = node.start(node.run_pod(), "sleep", "1000")
        try:
            node.do(
                node.cri.checkpoint_container(api.CheckpointContainerRequest(container_id=container, location="/c.tar"))
            )
        except CriError as error:
            return error.code is not Code.UNIMPLEMENTED
        return False

    shown_exactly_where_listed("checkpoint-off", shows)
