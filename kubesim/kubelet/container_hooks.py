"""Lifecycle hooks: exec and sleep. HTTP hooks need a pod network and are refused when the pod is applied.

Mirrors kubelet: pkg/kubelet/lifecycle/handlers.go.
"""

from __future__ import annotations

from kubesim.cri import api
from kubesim.cri.client import CriClient
from kubesim.cri.errors import CriError
from kubesim.errors import KubesimError
from kubesim.kernel import sleep
from kubesim.model import k8s_v1 as v1

SECOND_NS = 1_000_000_000


class HookFailed(KubesimError):
    """A hook did not succeed; the text is the kubelet's message."""


class ContainerHooks:
    """Runs the hooks of containers."""

    def __init__(self, client: CriClient) -> None:
        self._client = client

    async def run(self, pod: v1.Pod, container: str, container_id: str, handler: v1.LifecycleHandler) -> None:
        """Run one hook to its end. Raises HookFailed."""
        where = f'for Container "{container}" in Pod "{pod.metadata.name}_{pod.metadata.namespace}({pod.metadata.uid})"'
        if handler.exec is not None:
            await self._run_exec(where, container_id, handler.exec.command)
        elif handler.sleep is not None:
            await sleep(handler.sleep.seconds * SECOND_NS)
        else:
            raise HookFailed(f"invalid handler: {where}")

    async def _run_exec(self, where: str, container_id: str, command: list[str]) -> None:
        text = " ".join(command)
        try:
            result = await self._client.exec_sync(
                api.ExecSyncRequest(container_id=container_id, cmd=command, timeout=0)
            )
        except CriError as error:
            raise HookFailed(
                f'Exec lifecycle hook ([{text}]) {where} failed - error: {error.go_text}, message: ""'
            ) from error
        if result.exit_code != 0:
            output = (result.stdout + result.stderr).decode(errors="replace")
            error_text = f"command '{text}' exited with {result.exit_code}: {result.stderr.decode(errors='replace')}"
            raise HookFailed(
                f"Exec lifecycle hook ([{text}]) {where} failed - error: {error_text}, message: {_quoted(output)}"
            )


def _quoted(text: str) -> str:
    """Go's %q for the characters that hook output holds."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'
