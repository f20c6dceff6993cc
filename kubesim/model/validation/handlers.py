"""Probes, hooks and stop signals.

Mirrors Kubernetes: pkg/apis/core/validation/validation.go (validateProbe, validateLivenessProbe,
validateReadinessProbe, validateLifecycle, validateHandler and the actions they call, validateStopSignal).
"""

from __future__ import annotations

from collections.abc import Iterator

from kubesim.model.k8s_v1 import HTTPGetAction, Lifecycle, LifecycleHandler, Probe, SleepAction
from kubesim.model.paths import Path
from kubesim.model.validation.field_error import (
    FieldError,
    check_choice,
    check_not_negative,
    check_problems,
    forbidden,
    invalid,
    required,
    unsupported,
)
from kubesim.model.validation.names import header_problems, port_problems
from kubesim.model.validation.pod_facts import AnyContainer, PodFacts
from kubesim.model.validation.stop_signals import SIGNALS

_SCHEMES = ("HTTP", "HTTPS")


def check_handlers(container: AnyContainer, path: Path, facts: PodFacts) -> Iterator[FieldError]:
    """The hooks and probes of a container that may have them."""
    if container.lifecycle is not None:
        yield from _check_lifecycle(container.lifecycle, (*path, "lifecycle"), facts)
    if container.liveness_probe is not None:
        yield from _check_liveness(container.liveness_probe, (*path, "livenessProbe"), facts)
    if container.readiness_probe is not None:
        probe, where = container.readiness_probe, (*path, "readinessProbe")
        yield from _check_probe(probe, where, facts)
        seconds = probe.termination_grace_period_seconds
        if seconds is not None:
            yield invalid((*where, "terminationGracePeriodSeconds"), seconds, "must not be set for readinessProbes")
    if container.startup_probe is not None:
        yield from _check_liveness(container.startup_probe, (*path, "startupProbe"), facts)


def _check_liveness(probe: Probe, path: Path, facts: PodFacts) -> Iterator[FieldError]:
    yield from _check_probe(probe, path, facts)
    if probe.success_threshold != 1:
        yield invalid((*path, "successThreshold"), probe.success_threshold, "must be 1")


def _check_probe(probe: Probe, path: Path, facts: PodFacts) -> Iterator[FieldError]:
    yield from _check_handler(probe, path, facts)
    yield from check_not_negative((*path, "initialDelaySeconds"), probe.initial_delay_seconds)
    yield from check_not_negative((*path, "timeoutSeconds"), probe.timeout_seconds)
    yield from check_not_negative((*path, "periodSeconds"), probe.period_seconds)
    yield from check_not_negative((*path, "successThreshold"), probe.success_threshold)
    yield from check_not_negative((*path, "failureThreshold"), probe.failure_threshold)
    seconds = probe.termination_grace_period_seconds
    if seconds is not None and seconds <= 0:
        yield invalid((*path, "terminationGracePeriodSeconds"), seconds, "must be greater than 0")


def _check_lifecycle(lifecycle: Lifecycle, path: Path, facts: PodFacts) -> Iterator[FieldError]:
    if lifecycle.post_start is not None:
        yield from _check_handler(lifecycle.post_start, (*path, "postStart"), facts)
    if lifecycle.pre_stop is not None:
        yield from _check_handler(lifecycle.pre_stop, (*path, "preStop"), facts)
    if lifecycle.stop_signal is not None and facts.options.stop_signals:
        where = (*path, "stopSignal")
        if facts.os is None:
            yield forbidden(where, "may not be set for containers with empty `spec.os.name`")
        elif facts.os in SIGNALS:
            yield from check_choice(where, lifecycle.stop_signal, SIGNALS[facts.os])


def _check_handler(handler: Probe | LifecycleHandler, path: Path, facts: PodFacts) -> Iterator[FieldError]:
    """One handler, and its own values; further ones are refused unseen."""
    given = 0
    if handler.exec is not None:
        given += 1
        if not handler.exec.command:
            yield required((*path, "exec", "command"))
    if handler.http_get is not None:
        given += 1
        where = (*path, "httpGet")
        yield from _second(where) if given > 1 else _check_http_get(handler.http_get, where)
    if handler.tcp_socket is not None:
        given += 1
        where = (*path, "tcpSocket")
        yield from _second(where) if given > 1 else _check_port(handler.tcp_socket.port, where)
    if isinstance(handler, Probe):
        if handler.grpc is not None:
            given += 1
            where = (*path, "grpc")
            yield from _second(where) if given > 1 else _check_port(handler.grpc.port, where)
    elif handler.sleep is not None:
        given += 1
        where = (*path, "sleep")
        yield from _second(where) if given > 1 else _check_sleep(handler.sleep, where, facts)
    if not given:
        yield required(path, "must specify a handler type")


def _second(path: Path) -> Iterator[FieldError]:
    yield forbidden(path, "may not specify more than 1 handler type")


def _check_http_get(action: HTTPGetAction, path: Path) -> Iterator[FieldError]:
    yield from _check_port(action.port, path)
    if action.scheme not in _SCHEMES:
        yield unsupported((*path, "scheme"), action.scheme, _SCHEMES)
    for index, header in enumerate(action.http_headers):
        problems = header_problems(header.name)
        yield from check_problems(
            (*path, "httpHeaders"), header.name, problems, place=(*path, "httpHeaders", index, "name")
        )


def _check_port(port: int | str, path: Path) -> Iterator[FieldError]:
    problems = port_problems(port)
    if problems:
        yield from check_problems((*path, "port"), port, problems)


def _check_sleep(sleep: SleepAction, path: Path, facts: PodFacts) -> Iterator[FieldError]:
    grace = facts.grace_seconds
    if grace is None:
        return
    if facts.options.allow_sleep_of_zero:
        if not 0 <= sleep.seconds <= grace:
            detail = f"must be non-negative and less than terminationGracePeriodSeconds ({grace})"
            yield invalid(path, sleep.seconds, detail)
    elif not 0 < sleep.seconds <= grace:
        detail = (
            f"must be greater than 0 and less than terminationGracePeriodSeconds ({grace}). Enable "
            "AllowPodLifecycleSleepActionZeroValue feature gate for zero sleep."
        )
        yield invalid(path, sleep.seconds, detail)
