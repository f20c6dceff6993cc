"""ReopenContainerLog."""

from __future__ import annotations

from typing import Any

from kubesim.cri import Code, api


def reopening(node: Any, ctr: str) -> Any:
    return node.cri.reopen_container_log(api.ReopenContainerLogRequest(container_id=ctr))


def test_after_a_rotation_nothing_goes_to_the_old_file(node: Any) -> None:
    pod_config = node.pod_config(log_directory="/logs")
    pod = node.run_pod(pod_config)
    ctr = node.start(pod, "sleep", "1000", log_path="0.log", pod_config=pod_config)
    log = node.runtime._daemon.containers.get(ctr).log
    log.stdout(b"before\n")
    node.files.rename("/logs/0.log", "/logs/0.log.old")
    old = node.files.read("/logs/0.log.old")
    node.do(reopening(node, ctr))
    assert node.files.read("/logs/0.log") == b""
    log.stdout(b"after\n")
    assert node.files.read("/logs/0.log.old") == old
    assert node.files.read("/logs/0.log").endswith(b"after\n")


def test_reopening_what_does_not_run(node: Any, crio: Any) -> None:
    assert node.refused(reopening(node, "f0")).code is Code.NOT_FOUND
    error = crio.refused(reopening(crio, "f0"))
    assert (error.code, error.message[:29]) == (Code.UNKNOWN, "could not find container f0: ")
    for each in (node, crio):
        ctr = each.create(each.run_pod(), each.container_config("true"))
        error = each.refused(reopening(each, ctr))
        assert (error.code, error.message) == (Code.UNKNOWN, "container is not running")


def test_reopening_without_a_log_is_fine(node: Any) -> None:
    ctr = node.start(node.run_pod(), "sleep", "1000")

    assert node.do(reopening(node, ctr)) == api.ReopenContainerLogResponse()
    assert node.status(ctr).log_path == ""
