"""What has to do with the network: busybox's networking."""

from __future__ import annotations

from collections.abc import Mapping

from kubesim.userland.applets.applet import Applet
from kubesim.userland.applets.networking import (
    brctl,
    hostname,
    httpd,
    ifconfig,
    ip,
    nc,
    netstat,
    nslookup,
    ping,
    route,
    wget,
)

APPLETS: Mapping[str, Applet] = {
    "brctl": Applet(brctl.run, usage="COMMAND [BRIDGE [ARGS]]"),
    "hostname": Applet(hostname.run, usage="[-sidf] [HOSTNAME | -F FILE]"),
    "httpd": Applet(httpd.run, usage="[-fv[v]] [-p [IP:]PORT] [-h HOME]"),
    "ifconfig": Applet(ifconfig.run, usage="[-a] [IFACE]"),
    "ip": Applet(ip.run, usage="[-4 | -6] address|route|link [list [dev IFACE]]"),
    "nc": Applet(nc.run, usage="[-iN] [-wN] [-l] [-p PORT] [IPADDR PORT] [-e PROG]"),
    "netstat": Applet(netstat.run, usage="[-ral] [-tuwx] [-enp]"),
    "nslookup": Applet(nslookup.run, usage="[-type=QUERY_TYPE] [-debug] HOST [DNS_SERVER]"),
    "ping": Applet(ping.run, usage="[OPTIONS] HOST"),
    "route": Applet(route.run, usage="[-ne]"),
    "wget": Applet(
        wget.run,
        usage="[-cqS] [--spider] [-O FILE] [--header STR]\n"
        "\t[--post-data STR | --post-file FILE] [-P DIR] [-U AGENT] [-T SEC] URL...",
    ),
}
