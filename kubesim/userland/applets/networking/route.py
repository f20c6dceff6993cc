"""route: the IPv4 routes of the network namespace. Mirrors busybox: networking/route.c, bb_displayroutes."""

from __future__ import annotations

from kubesim.userland.network.interfaces import Route, routes_of
from kubesim.userland.options import parse_options
from kubesim.userland.processes.process_life import Process

ANY = "0.0.0.0"  # noqa: S104 - a text of the emulated world


async def run(process: Process) -> int:
    """Print them. Changing them is not emulated."""
    options = parse_options(process.argv, "ne")
    if options.operands:
        await process.complain(f"changing routes ({' '.join(options.operands)}) is not emulated")
        return 1
    return await show_routes(process, is_numeric="n" in options, has_sizes="e" in options)


async def show_routes(process: Process, *, is_numeric: bool, has_sizes: bool) -> int:
    """The table, with metric and use or with sizes."""
    columns = "  MSS Window  irtt Iface" if has_sizes else "Metric Ref    Use Iface"
    await process.say(f"Kernel IP routing table\nDestination     Gateway         Genmask         Flags {columns}\n")
    for route in routes_of(process.network):
        numbers = "    0 0          0 " if has_sizes else "0      0        0 "
        target, gateway = _names(route, is_numeric=is_numeric)
        flags = "UG" if route.gateway != ANY else "U"
        width = 6
        await process.say(f"{target:<15} {gateway:<15} {route.mask:<16}{flags:<{width}}{numbers}{route.interface}\n")
    return 0


def _names(route: Route, *, is_numeric: bool) -> tuple[str, str]:
    if is_numeric:
        return route.network, route.gateway
    return "default" if route.mask == ANY else route.network, "*" if route.gateway == ANY else route.gateway
