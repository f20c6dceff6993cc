"""agnhost, the tool image of the Kubernetes tests: one program, many subcommands."""

from __future__ import annotations

from kubesim.userland.image_programs.agnhost_logs import run_logs_generator
from kubesim.userland.image_programs.agnhost_mounttest import run_mounttest
from kubesim.userland.image_programs.agnhost_netexec import run_netexec
from kubesim.userland.image_programs.agnhost_servers import (
    run_connect,
    run_liveness,
    run_porter,
    run_serve_hostname,
    run_tcp_reset,
    run_test_webserver,
)
from kubesim.userland.image_programs.pause import wait_for_end
from kubesim.userland.processes.process_life import Process
from kubesim.userland.processes.signals import SIGINT, SIGTERM


async def _pause(process: Process) -> int:
    """Mirrors kubernetes: test/images/agnhost/pause/pause.go, pause: prints, then waits for TERM or INT."""
    await process.say("Paused\n")
    code = await wait_for_end(process, SIGINT, SIGTERM)
    await process.say("Unpaused\n")
    return code


async def _entrypoint_tester(process: Process) -> int:
    """Prints all its arguments as Go prints a list. Mirrors kubernetes: test/images/agnhost/entrypoint-tester/ep.go."""
    await process.say(f"[{' '.join(process.argv)}]\n")
    return 0


async def _grpc_health_checking(process: Process) -> int:
    # Only whoever serves gRPC pays for what it brings.
    from kubesim.userland.image_programs.agnhost_grpc import run_grpc_health_checking

    return await run_grpc_health_checking(process)


SUBCOMMANDS = {
    "connect": run_connect,
    "entrypoint-tester": _entrypoint_tester,
    "grpc-health-checking": _grpc_health_checking,
    "liveness": run_liveness,
    "logs-generator": run_logs_generator,
    "mounttest": run_mounttest,
    "netexec": run_netexec,
    "pause": _pause,
    "porter": run_porter,
    "serve-hostname": run_serve_hostname,
    "tcp-reset": run_tcp_reset,
    "test-webserver": run_test_webserver,
}


async def run_agnhost(process: Process) -> int:
    """Run a subcommand."""
    name = process.argv[1] if len(process.argv) > 1 else ""
    subcommand = SUBCOMMANDS.get(name)
    if subcommand is None:
        await process.complain(f'subcommand "{name}" is not emulated; there is {", ".join(sorted(SUBCOMMANDS))}')
        return 1
    return await subcommand(process)
