"""The variables that a whole ConfigMap or Secret brings.

Up to 1.29 the kubelet left out names that are no environment variables; since 1.30 it takes every one.
Mirrors kubelet: pkg/kubelet/kubelet_pods.go, makeEnvironmentVariables, and apimachinery:
pkg/util/validation/validation.go, IsEnvVarName.
"""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.model.validation.names import env_name_problems

RELAXED_SINCE_MINOR = 30


def env_from(data: Mapping[str, str], *, prefix: str, minor: int) -> tuple[dict[str, str], list[str]]:
    """The variables, and the sorted names that a kubelet of this minor version leaves out."""
    named = {f"{prefix}{key}": value for key, value in data.items()}
    if minor >= RELAXED_SINCE_MINOR:
        return named, []
    skipped = sorted(name for name in named if env_name_problems(name))
    return {name: value for name, value in named.items() if name not in skipped}, skipped


def skipped_text(skipped: list[str], *, kind: str, key: str) -> str:
    """The event InvalidEnvironmentVariableNames; `kind` is configMap or secret, `key` its `namespace/name`."""
    return (
        f"Keys [{', '.join(skipped)}] from the EnvFrom {kind} {key} were skipped since they are considered invalid "
        "environment variable names."
    )
