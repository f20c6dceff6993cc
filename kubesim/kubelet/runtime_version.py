"""The name and version of the runtime, as the node's status shows them.

Mirrors kubelet: pkg/kubelet/nodestatus/setters.go (VersionInfo) and pkg/kubelet/kuberuntime (getTypedVersion).
"""

from __future__ import annotations

from kubesim.cri import api, methods
from kubesim.cri.client import CriClient
from kubesim.cri.errors import CriError
from kubesim.kernel import Looks
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.node_status_fields import UNKNOWN_VERSION, runtime_version_text

_REQUEST = api.VersionRequest(version="0.1.0")


class RuntimeVersion:
    """Asks the runtime each time; what it said last is kept."""

    def __init__(self, client: CriClient, *, klog: Klog) -> None:
        self._client = client
        self._klog = klog
        self._again = client.again(methods.VERSION, _REQUEST)
        self._answer = b""
        self._name = ""
        self._text = ""

    @property
    def is_steady(self) -> bool:
        """Whether the runtime says the same as long as nothing happens: a question need not be asked then."""
        return self._answer != b"" and self._again is not None

    async def ask(self) -> str:
        """Such as `containerd://2.3.0`; of a runtime that does not answer the name is what it said before."""
        try:
            answer = await self._client.call_encoded(methods.VERSION, _REQUEST)
        except CriError as error:
            self._klog.error("Version from runtime service failed", err=error.go_text)
            self._answer = b""
            return f"{self._name}://{UNKNOWN_VERSION}"
        if answer != self._answer:
            response = api.VersionResponse.FromString(answer)
            self._answer, self._name = answer, response.runtime_name
            self._text = f"{response.runtime_name}://{runtime_version_text(response.runtime_version)}"
        return self._text

    def ask_again(self, looks: Looks) -> None:
        """Questions that are answered as before, because nothing has happened since."""
        if self._again is not None:
            self._again(self._answer, looks)

    def expected(self) -> str | None:
        """What a steady runtime would answer, if that is what it said last; None when it is not, or not known."""
        return self._text if self._client.peek(methods.VERSION, _REQUEST) == self._answer else None
