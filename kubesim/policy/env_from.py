"""The variables that a whole ConfigMap or Secret brings.

Up to 1.29 the kubelet left out names that are no environment variables; since 1.30 it takes every one.
Mirrors kubelet: pkg/kubelet/kubelet_pods.go, makeEnvironmentVariables, and apimachinery:
pkg/util/validation/validation.go, IsEnvVarName.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

RELAXED_SINCE_MINOR = 30

_NAME = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_NAME_TEXT = (
    "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not "
    "start with a digit (e.g. 'my.env-name',  or 'MY_ENV.NAME',  or 'MyEnvName1', regex used for validation is "
    "'[-._a-zA-Z][-._a-zA-Z0-9]*')"
)


def strict_name_problems(name: str) -> list[str]:
    """What an API server without RelaxedEnvironmentVariableValidation has against a name; empty for a strict one."""
    problems = [] if _NAME.fullmatch(name) else [_NAME_TEXT]
    if name in {".", ".."}:
        problems.append(f"must not be '{name}'")
    elif name.startswith(".."):
        problems.append("must not start with '..'")
    return problems


def env_from(data: Mapping[str, str], *, prefix: str, minor: int) -> tuple[dict[str, str], list[str]]:
    """The variables, and the sorted names that a kubelet of this minor version leaves out."""
    named = {f"{prefix}{key}": value for key, value in data.items()}
    if minor >= RELAXED_SINCE_MINOR:
        return named, []
    skipped = sorted(name for name in named if strict_name_problems(name))
    return {name: value for name, value in named.items() if name not in skipped}, skipped


def skipped_text(skipped: list[str], *, kind: str, key: str) -> str:
    """The event InvalidEnvironmentVariableNames; `kind` is configMap or secret, `key` its `namespace/name`."""
    return (
        f"Keys [{', '.join(skipped)}] from the EnvFrom {kind} {key} were skipped since they are considered invalid "
        "environment variable names."
    )
