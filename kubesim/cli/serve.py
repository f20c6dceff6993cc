"""`kubesim serve`."""

from __future__ import annotations

import argparse
from pathlib import Path

from kubesim.cli.image_options import add_image_options
from kubesim.cli.not_available import add_option
from kubesim.cli.pull_options import add_pull_options, registry_settings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `serve`."""
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--socket",
        metavar="ADDRESS",
        help="where to listen: unix:///PATH, or tcp://127.0.0.1:PORT (0 takes a free port, which is printed)",
    )
    where.add_argument(
        "--node",
        action="append",
        dest="nodes",
        metavar="NAME=ADDRESS",
        help="a node with a name; several are separate worlds in one process, and the other options hold for each",
    )
    parser.add_argument(
        "--allow-remote",
        action="store_true",
        help="let tcp:// listen for other machines too: without any authentication, whoever reaches it rules the node",
    )
    parser.add_argument(
        "--profile", default="containerd-2.3", help="a runtime profile, or the path of one (%(default)s)"
    )
    parser.add_argument("--cgroup-driver", choices=["systemd", "cgroupfs"], help="the answer to RuntimeConfig")
    add_image_options(parser)
    add_pull_options(parser)
    parser.add_argument(
        "--journal", type=_path, metavar="FILE", help="write every call as a line of JSON, with the node's name"
    )
    parser.add_argument("--image-fs-path", metavar="DIR", help="the directory that ImageFsInfo names (the socket's)")
    parser.add_argument(
        "--state-dir", type=_path, metavar="DIR", help="keep sandboxes, containers and images there over a restart"
    )
    parser.add_argument(
        "--pod-network",
        choices=["loopback", "virtual"],
        help="pods have addresses of 127.0.0.0/8 (the default on Linux), or such as only the emulated world knows",
    )
    parser.add_argument(
        "--pod-ipv6-cidr",
        metavar="CIDR",
        help="pods have a second address, of this network, such as fd00:88::/64; only the emulated world reaches it",
    )
    parser.add_argument(
        "--timings",
        choices=["instant", "measured"],
        default="instant",
        help="how long sandboxes and containers take: no time (the default), or as long as with containerd and runc",
    )
    _add_stream_arguments(parser)
    add_option(parser, "--faults", "fault rules", metavar="FILE", hint="leave the option out")
    add_option(parser, "--control", "control sockets", metavar="SOCKET", hint="leave the option out")


def _add_stream_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--stream-address",
        default="tcp://127.0.0.1:0",
        metavar="ADDRESS",
        help="where Exec, Attach and PortForward are served (%(default)s: a free port)",
    )
    parser.add_argument(
        "--stream-idle-timeout", metavar="DURATION", help="when a stream without a byte either way is cut (4h)"
    )
    parser.add_argument(
        "--stream-tls",
        nargs="*",
        type=_path,
        metavar="FILE",
        help="serve streams over TLS, with this certificate and key in PEM, or with a certificate made for the run",
    )


def _path(text: str) -> Path:
    if not text:
        # An unset variable in a script: the working directory is not what was meant.
        raise argparse.ArgumentTypeError("a path is empty; name one, or leave the option out")
    return Path(text)


def run(options: argparse.Namespace) -> int:
    """Serve until told to stop."""
    from kubesim.cli.image_options import store_path
    from kubesim.cli.located import check_profile
    from kubesim.server.serve import ServeOptions, serve
    from kubesim.server.served_nodes import ServedNode, named_nodes, only_node
    from kubesim.server.streaming.options import IDLE_NS, StreamOptions, stream_address, stream_idle_ns, stream_tls

    check_profile(options.profile)
    remote = options.allow_remote
    if options.socket is not None:
        nodes: tuple[ServedNode, ...] = (only_node(options.socket, allow_remote=remote),)
    else:
        nodes = named_nodes(options.nodes, allow_remote=remote)
    serve(
        ServeOptions(
            nodes=nodes,
            profile=options.profile,
            cgroup_driver=options.cgroup_driver,
            images=_images(options.images) if options.images else (),
            store=store_path(options),
            journal=options.journal,
            image_fs_path=options.image_fs_path,
            state_dir=options.state_dir,
            pod_network=options.pod_network,
            pod_ipv6_cidr=options.pod_ipv6_cidr,
            timings=options.timings,
            registries=registry_settings(options),
            streams=StreamOptions(
                address=stream_address(options.stream_address, nodes_count=len(nodes), allow_remote=remote),
                idle_ns=(
                    IDLE_NS if options.stream_idle_timeout is None else stream_idle_ns(options.stream_idle_timeout)
                ),
                tls=stream_tls(options.stream_tls),
            ),
            on_ready=lambda text: print(text, flush=True),
        )
    )
    return 0


def _images(names: list[str]) -> tuple[Path, ...]:
    """The fixtures of these names, looked through. Raises InputError."""
    from kubesim.node.account_files import check_account_files
    from kubesim.node.sources import image_paths

    images = image_paths(names)
    check_account_files(images)
    return images
