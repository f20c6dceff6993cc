"""The delays of a crash loop over the versions of the kubelet, by the two gates that shape them. Golden tables."""

from collections.abc import Callable
from typing import Any

from kubesim.errors import KubesimError

from .conftest import table

Make = Callable[..., Any]

REDUCE = "ReduceDefaultCrashLoopBackOffDecay"
MAXIMUM = "KubeletCrashLoopBackOffMax"


def delays(new_story: Make, c: Make, config: dict[str, Any], *, run: str) -> str:
    """The delays that the kubelet reaches in that time, as a container waits for them; or why it does not start."""

    def told(version: str) -> str:
        try:
            story = new_story(kubelet_version=version, config=config)
        except KubesimError as error:
            return str(error).removeprefix("featureGates: ")
        story.pod(c("a", "false"))
        story.run(run)
        found: dict[str, None] = {}
        for one in story.node.versions("default/web"):
            for row in one["status"].get("containerStatuses", ()):
                message = (row["state"].get("waiting") or {}).get("message", "")
                found[message.partition("back-off ")[2].partition(" ")[0]] = None
        return " ".join(filter(None, found))

    return table(("1.31", "1.32", "1.33", "1.34", "1.35", "1.36"), told)


def test_delays_of_a_crash_loop(new_story: Make, c: Make, story: Any) -> None:
    config: dict[str, Any] = {}
    story.check(
        delays(new_story, c, config, run="10m"),
        """
        1.31 to 1.36: 10s 20s 40s 1m20s 2m40s 5m0s
        """,
    )


def test_delays_that_begin_with_a_second(new_story: Make, c: Make, story: Any) -> None:
    """Since 1.35 the maximum is 5 minutes all the same, for the default of the other gate's option."""
    config = {"featureGates": {REDUCE: True}}
    story.check(
        delays(new_story, c, config, run="10m"),
        """
        1.31: unrecognized feature gate: ReduceDefaultCrashLoopBackOffDecay
        1.32: unrecognized feature gate: ReduceDefaultCrashLoopBackOffDecay; did you mean KubeletCrashLoopBackOffMax
        1.33 to 1.34: 1s 2s 4s 8s 16s 32s 1m0s
        1.35 to 1.36: 1s 2s 4s 8s 16s 32s 1m4s 2m8s 4m16s
        """,
    )


def test_delays_with_a_maximum(new_story: Make, c: Make, story: Any) -> None:
    config = {"crashLoopBackOff": {"maxContainerRestartPeriod": "20s"}}
    story.check(
        delays(new_story, c, config, run="2m"),
        """
        1.31 to 1.34: failed to validate kubelet configuration, error: invalid configuration: FeatureGate
            KubeletCrashLoopBackOffMax not enabled, CrashLoopBackOff.MaxContainerRestartPeriod must not be set
        1.35 to 1.36: 10s 20s
        """,
    )


def test_delays_that_begin_with_a_second_with_a_maximum(new_story: Make, c: Make, story: Any) -> None:
    config = {"featureGates": {REDUCE: True}, "crashLoopBackOff": {"maxContainerRestartPeriod": "60s"}}
    story.check(
        delays(new_story, c, config, run="4m"),
        """
        1.31: unrecognized feature gate: ReduceDefaultCrashLoopBackOffDecay
        1.32: unrecognized feature gate: ReduceDefaultCrashLoopBackOffDecay; did you mean KubeletCrashLoopBackOffMax
        1.33 to 1.34: failed to validate kubelet configuration, error: invalid configuration: FeatureGate
            KubeletCrashLoopBackOffMax not enabled, CrashLoopBackOff.MaxContainerRestartPeriod must not be set
        1.35 to 1.36: 1s 2s 4s 8s 16s 32s 1m0s
        """,
    )


def test_delays_with_a_maximum_below_the_first(new_story: Make, c: Make, story: Any) -> None:
    config = {"featureGates": {MAXIMUM: True}, "crashLoopBackOff": {"maxContainerRestartPeriod": "3s"}}
    story.check(
        delays(new_story, c, config, run="30s"),
        """
        1.31: unrecognized feature gate: KubeletCrashLoopBackOffMax
        1.32 to 1.36: 3s
        """,
    )


def test_delays_that_begin_with_a_second_without_the_other_gate(new_story: Make, c: Make, story: Any) -> None:
    config = {"featureGates": {MAXIMUM: False, REDUCE: True}}
    story.check(
        delays(new_story, c, config, run="4m"),
        """
        1.31: [unrecognized feature gate: KubeletCrashLoopBackOffMax, unrecognized feature gate:
            ReduceDefaultCrashLoopBackOffDecay]
        1.32: unrecognized feature gate: ReduceDefaultCrashLoopBackOffDecay; did you mean KubeletCrashLoopBackOffMax
        1.33 to 1.36: 1s 2s 4s 8s 16s 32s 1m0s
        """,
    )
