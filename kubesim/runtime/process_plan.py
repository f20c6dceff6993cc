"""What the first process of a container runs, and who it is: argv, environment and working directory, uid and gids.

Mirrors containerd: internal/cri/opts/spec_opts.go, WithProcessArgs, and internal/cri/server/container_create.go,
buildLinuxSpec; CRI-O: internal/factory/container/container.go, SpecSetProcessArgs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

Env = tuple[tuple[str, str], ...]

_DEFAULT_PATH_VARIABLE = ("PATH", DEFAULT_PATH)
_TERM_VARIABLE = ("TERM", "xterm")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessPlan:
    """The process as it will be started; also what an ExecSync inherits."""

    argv: tuple[str, ...]
    env: Env
    cwd: str
    has_tty: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerIdentity:
    """Who the first process is, with the groups in the order in which the runtime reports them."""

    uid: int
    gid: int
    supplemental_groups: tuple[int, ...]


def merge_command(
    *, command: Sequence[str], args: Sequence[str], entrypoint: Sequence[str], cmd: Sequence[str]
) -> tuple[str, ...]:
    """The argv of the first process; () when nobody names a command.

    A command replaces the image's entrypoint and drops its cmd. Args alone replace the cmd. An entrypoint of one
    empty string counts as none.
    """
    if command:
        return (*command, *args)
    head = () if tuple(entrypoint) == ("",) else tuple(entrypoint)
    return (*head, *(args or cmd))


def merge_env(*, hostname: str, image: Env, config: Env, has_tty: bool) -> Env:
    """The environment: a later value replaces an earlier one in its place."""
    defaults = (_DEFAULT_PATH_VARIABLE, *((_TERM_VARIABLE,) if has_tty else ()), ("HOSTNAME", hostname))
    # By pairs: those of an image are one value for all of its containers.
    merged = {variable[0]: variable for variable in (*defaults, *image, *config)}
    return tuple(merged.values())
