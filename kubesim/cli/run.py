"""`kubesim run`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, cast

from kubesim.cli.image_options import add_image_options
from kubesim.cli.pull_options import add_pull_options

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from kubesim.images.image import Image
    from kubesim.node.image_sources import ImageSource
    from kubesim.node.outcome import Outcome
    from kubesim.node.world import WorldSettings


DEFAULT_PROFILE = "containerd-2.3"
DEFAULT_SEED = 1
STATIC_PODS = "/etc/kubernetes/manifests"
"""The folder of static pods where the user's configuration names none."""

CGROUP2_MARK = "/sys/fs/cgroup/cgroup.controllers"
"""Only a machine with control groups of version 2 has this file."""

DURATION_HOURS_MAX = 168
"""A week: about a minute of computing for a quiet pod. Beyond it, a slip of the keyboard would run for hours."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `run`."""
    parser.add_argument("manifests", nargs="*", metavar="POD.yaml", help="manifests with pods")
    parser.add_argument(
        "--static",
        action="append",
        default=[],
        metavar="FILE",
        help="manifests of static pods, which lie in the kubelet's folder when it starts; may be given again",
    )
    parser.add_argument("--for", dest="duration", default="60s", metavar="DURATION", help="how long (%(default)s)")
    parser.add_argument("--node-config", metavar="FILE", help="a KubeletConfiguration")
    parser.add_argument("--os", choices=["linux", "windows"], default="linux")
    parser.add_argument("--kubelet-version", default="1.36", metavar="VERSION", help="1.28 to 1.36 (%(default)s)")
    parser.add_argument("--profile", help=f"a runtime profile, or the path of one ({DEFAULT_PROFILE})")
    parser.add_argument(
        "--cgroup-driver", choices=["systemd", "cgroupfs"], help="the runtime's answer to RuntimeConfig"
    )
    add_image_options(parser)
    add_pull_options(parser)
    parser.add_argument(
        "--kubelet-fix",
        dest="kubelet_fixes",
        action="append",
        default=[],
        metavar="PULL",
        help="a change of the kubelet that no release has, such as kubernetes#142120; may be given again",
    )
    parser.add_argument(
        "--capacity",
        action="append",
        default=[],
        metavar="RESOURCE=QUANTITY",
        help="the size of the machine, such as cpu=2 or memory=8Gi (4 CPUs, 16Gi, 100Gi, 110 pods); may be given again",
    )
    parser.add_argument("--cri", metavar="unix:///PATH", help="drive the runtime behind this socket, in real time")
    parser.add_argument("--seed", type=int, help="the source of ids and jitter (1; with --cri the present instant)")
    parser.add_argument("-o", "--output", choices=["table", "yaml", "json"], default="table")


def run(options: argparse.Namespace) -> int:
    """Run the pods and print their status, then the node's."""
    from kubesim.cli.located import check_kubelet_version, check_profile

    _check_duration(options.duration)
    _check_manifests(options)
    check_profile(options.profile or DEFAULT_PROFILE)
    check_kubelet_version(options.kubelet_version)
    outcome = _over_socket(options) if options.cri else _in_virtual_time(options)
    if options.output == "table":
        print(_table(outcome, options))
        return 0
    nodes = [outcome.node] if outcome.node else []
    items = {"apiVersion": "v1", "kind": "List", "items": [*outcome.pods, *nodes]}
    if options.output == "json":
        import json

        print(json.dumps(items, indent=2))
    else:
        import yaml

        print(yaml.safe_dump(items, sort_keys=False), end="")
    return 0


def _check_duration(text: str) -> None:
    from kubesim.errors import InputError
    from kubesim.model.duration import parse_duration

    try:
        duration_ns = parse_duration(text)
    except InputError as error:
        # Go's words begin with its package, which reads like a place.
        raise InputError(error.what.removeprefix("time: "), where="--for", hint=error.hint) from error
    if duration_ns < 0:
        raise InputError(f"{text} is negative", where="--for", hint="time only goes forward")
    if duration_ns > DURATION_HOURS_MAX * 3600 * 10**9:
        raise InputError(f"{text} is too long", where="--for", hint=f"at most {DURATION_HOURS_MAX}h are run")


def _check_manifests(options: argparse.Namespace) -> None:
    from kubesim.errors import InputError

    if not options.manifests and not options.static:
        raise InputError("there is no manifest", hint="name files with pods, or give them to --static")
    if options.static and options.cri:
        hint = "name the files without --static, or leave --cri out"
        raise InputError("--static writes to the disk of an emulated machine, but --cri drives a real one", hint=hint)


def _configuration(options: argparse.Namespace) -> str | dict[str, str] | None:
    """The kubelet's configuration: that of the user, else one with a folder for the static pods there are."""
    if options.node_config or not options.static:
        return cast("str | None", options.node_config)
    return {"staticPodPath": STATIC_PODS}


def _capacity(options: argparse.Namespace) -> dict[str, str]:
    from kubesim.errors import InputError
    from kubesim.node.node_capacity import node_capacity

    given: dict[str, str] = {}
    for text in options.capacity:
        name, sign, amount = text.partition("=")
        where = f"--capacity {text}"
        if not sign or name in given:
            what = f"{name} is given twice" if sign else "there is no quantity"
            raise InputError(what, where=where, hint="say RESOURCE=QUANTITY, such as cpu=2, once for each resource")
        if "," in amount:
            each = " ".join(f"--capacity {one.strip()}" for one in text.split(","))
            raise InputError("several resources in one option", where=where, hint=f"say {each}")
        try:
            node_capacity({name: amount}, "", os=options.os)
        except InputError as error:
            raise InputError(error.what, where=where, hint=error.hint) from error
        given[name] = amount
    return given


def _in_virtual_time(options: argparse.Namespace) -> Outcome:
    from contextlib import ExitStack
    from pathlib import Path

    from kubesim.cli.image_options import store_of
    from kubesim.cli.progress import working
    from kubesim.node.account_files import check_account_files
    from kubesim.node.node import Node
    from kubesim.node.outcome import Outcome
    from kubesim.node.sources import image_paths

    check_account_files(image_paths(options.images))
    images = [*options.images, store_of(options)]
    with ExitStack() as held:
        if options.pull or options.registries:
            images += held.enter_context(_pulled(options, images))
        node = Node(
            os=options.os,
            kubelet_version=options.kubelet_version,
            profile=options.profile or DEFAULT_PROFILE,
            cgroup_driver=options.cgroup_driver,
            config=_configuration(options),
            images=images,
            kubelet_fixes=options.kubelet_fixes,
            seed=DEFAULT_SEED if options.seed is None else options.seed,
            capacity=_capacity(options),
        )
        for manifest in options.static:
            node.apply_static(Path(manifest))
        held.enter_context(node)
        for manifest in options.manifests:
            node.apply(Path(manifest))
        with working(f"running {options.duration} of virtual time"):
            node.advance(options.duration)
        return Outcome(
            pods=node.pods(),
            node=node.status() if node.configz()["registerNode"] else {},
            events=node.events,
            cgroup_driver=node.configz()["cgroupDriver"],
            metrics=dict(node.metrics()),
        )


def _pulled(options: argparse.Namespace, images: Sequence[ImageSource]) -> AbstractContextManager[list[Image]]:
    """What the pods need besides these images, from its registries."""
    from pathlib import Path

    from kubesim.cli.pull_options import pulled_images
    from kubesim.model import k8s_v1 as v1
    from kubesim.node.image_sources import catalogue_of
    from kubesim.node.pulled_images import image_names
    from kubesim.node.sources import objects_of
    from kubesim.runtime.profiles import load_profile

    version = options.kubelet_version
    paths = [*options.manifests, *options.static]
    found = [one for path in paths for one in objects_of(Path(path), kubelet_version=version)]
    return pulled_images(
        options,
        image_names(one for one in found if isinstance(one, v1.Pod)),
        catalogue=catalogue_of(images),
        profile=load_profile(options.profile or DEFAULT_PROFILE),
        os_name=options.os,
    )


def _over_socket(options: argparse.Namespace) -> Outcome:
    import tempfile
    from pathlib import Path

    from kubesim.cli.progress import working
    from kubesim.kernel import Kernel
    from kubesim.model import k8s_v1 as v1
    from kubesim.model.duration import parse_duration
    from kubesim.node.outcome import run_pods
    from kubesim.node.pod_network import NodePodNetwork
    from kubesim.node.sources import objects_of
    from kubesim.server.grpc_client import GrpcCri
    from kubesim.server.machine_dial import MachineDial
    from kubesim.server.real_time import run_over_socket
    from kubesim.userland.files.host_files import RealHostFiles

    _refuse_options_of_the_emulated_runtime(options)
    version = options.kubelet_version
    found = [one for path in options.manifests for one in objects_of(Path(path), kubelet_version=version)]
    pods = [one for one in found if isinstance(one, v1.Pod)]
    objects = [one for one in found if not isinstance(one, v1.Pod)]
    duration_ns = parse_duration(options.duration)
    # The runtime sees the same disk, so the kubelet's files are real. They are gone when the run is over.
    with tempfile.TemporaryDirectory(prefix="kubesim-") as folder:
        settings = _settings_over_socket(options, folder)

        async def main(kernel: Kernel, cri: GrpcCri) -> Outcome:
            dial = MachineDial(kernel, cri.pump)
            try:
                return await run_pods(
                    kernel,
                    cri,
                    settings,
                    RealHostFiles(),
                    pods,
                    network=NodePodNetwork(dial),
                    objects=objects,
                    duration_ns=duration_ns,
                )
            finally:
                dial.close()

        with working(f"running {options.duration} of real time over {options.cri}"):
            return run_over_socket(options.cri, main, seed=options.seed)


def _settings_over_socket(options: argparse.Namespace, folder: str) -> WorldSettings:
    """The node over a runtime that is somebody else's; its files lie in `folder`."""
    from msgspec.structs import replace

    from kubesim.node.arguments import check_fixes
    from kubesim.node.node_capacity import node_capacity
    from kubesim.node.sources import configuration_of
    from kubesim.node.world import WorldSettings
    from kubesim.userland.files.host_files import RealHostFiles

    version = options.kubelet_version
    config = configuration_of(options.node_config, kubelet_version=version, os=options.os)
    if config.pod_logs_dir == configuration_of(None, kubelet_version=version, os=options.os).pod_logs_dir:
        config = replace(config, pod_logs_dir=f"{folder}/logs")
    size = node_capacity(_capacity(options), "--capacity", os=options.os)
    return WorldSettings(
        os=options.os,
        kubelet_version=version,
        config=config if size.pods_max is None else replace(config, max_pods=size.pods_max),
        kubelet_fixes=check_fixes(options.kubelet_fixes, "--kubelet-fix"),
        capacity=size.resources,
        root_directory=f"{folder}/kubelet",
        # The runtime makes control groups of this machine: of version 1 it refuses what only version 2 has.
        cgroup_version=1 if RealHostFiles().kind(CGROUP2_MARK) is None else 2,
    )


def _refuse_options_of_the_emulated_runtime(options: argparse.Namespace) -> None:
    from kubesim.errors import InputError

    for name in ("profile", "cgroup_driver", "images", "store", "pull", "registries"):
        if getattr(options, name):
            raise InputError(
                f"--{name.replace('_', '-')} says what the emulated runtime is like, but --cri drives a real one",
                hint="leave one of the two out",
            )


def _table(outcome: Outcome, options: argparse.Namespace) -> str:
    from kubesim.cli.tables import table

    rows = [row for pod in outcome.pods for row in _pod_rows(pod)]
    headers = ("POD", "PHASE", "REASON", "CONTAINER", "STATE", "READY", "RESTARTS", "UID", "GID", "GROUPS")
    node = outcome.node.get("status", {})
    ready: dict[str, Any] = next((one for one in node.get("conditions", []) if one["type"] == "Ready"), {})
    info = node.get("nodeInfo", {})
    features = node.get("features", {})
    return "\n".join(
        [
            table(headers, rows),
            "",
            f"node: Ready {ready.get('status', 'Unknown')} ({ready.get('message', 'no status yet')})",
            f"kubelet {options.kubelet_version}, {info.get('containerRuntimeVersion', 'runtime unknown')}"
            + (f", profile {options.profile or DEFAULT_PROFILE}" if not options.cri else "")
            + f", cgroup driver {outcome.cgroup_driver}",
            f"supplementalGroupsPolicy: {features.get('supplementalGroupsPolicy', 'not reported')}",
        ]
    )


def _pod_rows(pod: dict[str, Any]) -> list[tuple[object, ...]]:
    status = pod["status"]
    name, phase, reason = pod["metadata"]["name"], status.get("phase", ""), status.get("reason") or _unscheduled(status)
    containers = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    if not containers:
        return [(name, phase, reason, "-", "-", "-", "-", "-", "-", "-")]
    return [(name, phase, reason, *_container_cells(one)) for one in containers]


def _unscheduled(status: dict[str, Any]) -> str:
    """Why the pod is on no node."""
    conditions = [one for one in status.get("conditions", []) if one["type"] == "PodScheduled"]
    return next((one["reason"] for one in conditions if one["status"] == "False"), "-")


def _container_cells(container: dict[str, Any]) -> tuple[object, ...]:
    states: dict[str, dict[str, Any]] = container["state"]
    kind = next(iter(states), "unknown")
    detail = states.get(kind, {})
    state = f"{kind}: {detail['reason']}" if detail.get("reason") else kind
    user = container.get("user", {}).get("linux", {})
    groups = ",".join(map(str, user.get("supplementalGroups", []))) or "-"
    return (
        container["name"],
        state,
        "yes" if container["ready"] else "no",
        container["restartCount"],
        user.get("uid", "-"),
        user.get("gid", "-"),
        groups,
    )
