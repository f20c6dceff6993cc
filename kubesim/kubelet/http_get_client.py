"""A GET as the kubelet's HTTP clients make it: with redirects, but never to another host.

Mirrors Go: net/http/client.go (Client.do), kubelet: pkg/probe/http/http.go (RedirectChecker).
"""

from __future__ import annotations

from kubesim.kernel import Kernel
from kubesim.kubelet.outside import PodNetwork
from kubesim.policy.http_get import REDIRECTS_MAX, HttpAnswer, HttpRequest, go_get_error, redirected

_AWAITING = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"


class GetFailed(Exception):
    """No answer came; the text is Go's, with the URL that was asked last."""


async def follow_get(
    kernel: Kernel,
    network: PodNetwork,
    request: HttpRequest,
    *,
    timeout_ns: int | None = None,
    keeps_alive: bool = False,
) -> HttpAnswer:
    """The answer at the end of the redirects; one that leads to another host is the answer itself. Raises GetFailed.

    `timeout_ns` is for all of it, from the first connection to the last byte; None is no limit.
    """
    end_ns = None if timeout_ns is None else kernel.now_ns + timeout_ns
    asked = 0
    first_host = request.host
    while True:
        left_ns = None if end_ns is None else max(end_ns - kernel.now_ns, 0)
        try:
            answer = await network.get(request, timeout_ns=left_ns, keeps_alive=keeps_alive)
        except TimeoutError:
            raise GetFailed(go_get_error(request.url, _AWAITING)) from None
        except OSError as error:
            raise GetFailed(go_get_error(request.url, str(error))) from None
        asked += 1
        try:
            follow = redirected(request, answer)
        except ValueError as error:
            raise GetFailed(go_get_error(request.url, str(error))) from None
        if follow is None or follow.host != first_host:
            return answer
        if asked >= REDIRECTS_MAX:
            # Here Go shows the Location as it was sent.
            stopped = f"stopped after {REDIRECTS_MAX} redirects"
            raise GetFailed(go_get_error(answer.header("Location"), stopped))
        request = follow
