"""The cgroup driver: the six answers that a real kubelet was given, and more."""

from collections.abc import AsyncIterator, Sequence

import pytest
from google.protobuf.message import Message

from kubesim.cri import api
from kubesim.cri.client import CriClient
from kubesim.cri.errors import Code, CriError
from kubesim.cri.methods import Method
from kubesim.kernel import Kernel
from kubesim.kubelet.cgroup_discovery import discover_cgroup_driver
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.metrics import LOSING_SUPPORT, Metrics
from kubesim.kubelet.start_error import KubeletStartError
from kubesim.policy.cgroup_driver import CgroupDriverDecision
from kubesim.policy.feature_gates import resolve_gates

SECOND = 10**9

NIL = api.RuntimeConfigResponse()
EMPTY_LINUX = api.RuntimeConfigResponse(linux=api.LinuxRuntimeConfiguration())
UNKNOWN_7 = api.RuntimeConfigResponse.FromString(bytes([0x0A, 0x02, 0x08, 0x07]))
INTERNAL = CriError(Code.INTERNAL, "boom")
UNIMPLEMENTED = CriError(Code.UNIMPLEMENTED, "method RuntimeConfig not implemented")

RECEIVED = 'I "Using cgroup driver setting received from the CRI runtime" cgroupDriver="{}"'
FALL_BACK = (
    'I "CRI implementation should be updated to support RuntimeConfig. '
    'Falling back to using cgroupDriver from kubelet config."'
)


def linux(driver: int) -> api.RuntimeConfigResponse:
    return api.RuntimeConfigResponse(linux=api.LinuxRuntimeConfiguration(cgroup_driver=driver))  # type: ignore[arg-type]  # the stubs take only named values


class Runtime:
    """Gives its answers in turn, the last one for ever."""

    def __init__(self, kernel: Kernel, answers: Sequence[api.RuntimeConfigResponse | CriError]) -> None:
        self._kernel = kernel
        self._answers = answers
        self.calls: list[float] = []

    async def call(self, method: Method, request: Message) -> Message:
        assert method.name == "RuntimeConfig"
        answer = self._answers[min(len(self.calls), len(self._answers) - 1)]
        self.calls.append(self._kernel.now_ns / SECOND)
        if isinstance(answer, CriError):
            raise answer
        return answer

    def stream(self, method: Method, request: Message) -> AsyncIterator[Message]:
        raise NotImplementedError


class Bench:
    """One start of a kubelet that is configured for `configured`."""

    def __init__(
        self,
        *answers: api.RuntimeConfigResponse | CriError,
        configured: str = "systemd",
        version: str = "1.36",
        is_fallback_removed: bool = False,
    ) -> None:
        self.kernel = Kernel(start_ns=0)
        self.runtime = Runtime(self.kernel, answers)
        self.klog = Klog(self.kernel)
        gates = resolve_gates(version)
        self.metrics = Metrics(gates)
        self._task = self.kernel.spawn(
            discover_cgroup_driver(
                CriClient(self.runtime),
                configured=configured,
                gates=gates,
                metrics=self.metrics,
                klog=self.klog,
                is_fallback_removed=is_fallback_removed,
            ),
            name="discover",
        )
        self._task.watch(lambda _: None)
        self.kernel.run_until_idle()

    def result(self) -> CgroupDriverDecision:
        return self._task.result()

    @property
    def seconds(self) -> float:
        return self.kernel.now_ns / SECOND


@pytest.mark.parametrize(
    ("configured", "answer", "driver", "lines"),
    [
        ("systemd", linux(1), "cgroupfs", [RECEIVED.format("cgroupfs")]),
        ("cgroupfs", linux(0), "systemd", [RECEIVED.format("systemd")]),
        ("cgroupfs", EMPTY_LINUX, "systemd", [RECEIVED.format("systemd")]),
        ("systemd", NIL, "systemd", []),
        ("cgroupfs", NIL, "cgroupfs", []),
    ],
)
def test_a_runtime_that_answers_is_asked_three_times_and_obeyed(
    configured: str, answer: api.RuntimeConfigResponse, driver: str, lines: list[str]
) -> None:
    bench = Bench(answer, configured=configured)

    assert bench.result().driver == driver
    assert bench.runtime.calls == [0, 0, 0]
    assert bench.klog.texts() == lines
    assert not [name for name in bench.metrics.as_dict() if "losing_support" in name]


def test_a_runtime_without_the_method_leaves_the_configured_driver_and_a_metric() -> None:
    bench = Bench(UNIMPLEMENTED, configured="systemd")

    assert (bench.result().driver, bench.result().is_fallback) == ("systemd", True)
    assert bench.runtime.calls == [0]
    error, fall_back = bench.klog.texts()
    assert error == (
        'E "RuntimeConfig from runtime service failed" '
        'err="rpc error: code = Unimplemented desc = method RuntimeConfig not implemented"'
    )
    assert fall_back == FALL_BACK
    assert bench.metrics.as_dict()['kubelet_cri_losing_support{version="1.37.0"}'] == 1


def test_a_kubelet_without_the_fall_back_does_not_start() -> None:
    bench = Bench(UNIMPLEMENTED, is_fallback_removed=True)
    with pytest.raises(KubeletStartError, match="failed to run Kubelet: rpc error: code = Unimplemented"):
        bench.result()

    assert bench.metrics.value(LOSING_SUPPORT, version="1.37.0") is None


def test_an_unknown_driver_is_fatal() -> None:
    bench = Bench(UNKNOWN_7)
    with pytest.raises(KubeletStartError) as failure:
        bench.result()

    assert str(failure.value) == "failed to run Kubelet: runtime returned an unknown cgroup driver 7"
    assert (bench.runtime.calls, bench.seconds) == ([0, 0, 0], 0)


def test_an_error_that_stays_is_fatal_after_six_seconds() -> None:
    bench = Bench(INTERNAL)
    with pytest.raises(KubeletStartError) as failure:
        bench.result()

    assert str(failure.value) == "failed to run Kubelet: rpc error: code = Internal desc = boom"
    assert (bench.runtime.calls, bench.seconds) == ([0, 2, 4], 6)
    line = 'E "RuntimeConfig from runtime service failed" err="rpc error: code = Internal desc = boom"'
    assert bench.klog.texts() == [line] * 3


@pytest.mark.parametrize(
    ("answers", "calls", "driver"),
    [
        ((INTERNAL, INTERNAL, linux(1)), [0, 2, 4], "cgroupfs"),
        ((INTERNAL, linux(1), linux(0)), [0, 2, 2], "systemd"),
        ((linux(0), linux(0), linux(1)), [0, 0, 0], "cgroupfs"),
        ((linux(1), NIL), [0, 0, 0], "configured"),
        ((linux(1), UNIMPLEMENTED), [0, 0], "configured"),
    ],
)
def test_the_last_answer_counts(
    answers: tuple[api.RuntimeConfigResponse | CriError, ...], calls: list[float], driver: str
) -> None:
    bench = Bench(*answers, configured="configured")

    assert (bench.result().driver, bench.runtime.calls) == (driver, calls)


def test_good_answers_before_an_error_do_not_help() -> None:
    bench = Bench(linux(1), linux(1), INTERNAL)
    with pytest.raises(KubeletStartError):
        bench.result()


@pytest.mark.parametrize("version", ["1.28", "1.30"])
def test_older_kubelets_do_not_ask(version: str) -> None:
    bench = Bench(linux(1), configured="systemd", version=version)

    assert (bench.result().driver, bench.runtime.calls, bench.klog.texts()) == ("systemd", [], [])


@pytest.mark.parametrize("version", ["1.31", "1.33", "1.34"])
def test_newer_kubelets_do(version: str) -> None:
    assert Bench(linux(1), configured="systemd", version=version).result().driver == "cgroupfs"
