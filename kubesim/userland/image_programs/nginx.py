"""nginx: a master and a worker that serve the files of the image.

It serves /usr/share/nginx/html on port 80, or on the one that /etc/nginx/conf.d/default.conf names. No more of
configuration files is emulated: an image that has more is refused at the start, where it would be wrong to ignore it.
Mirrors nginx: src/os/unix/ngx_process_cycle.c, src/http/ngx_http_special_response.c, ngx_http_static_module.c.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from kubesim.kernel import Event
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.image_programs.static_site import location_of, serve_site, site_file, status_of
from kubesim.userland.network.address import ANY_IPV4, PORT_MAX, SocketAddress
from kubesim.userland.network.http_message import REASONS, BadMessage, Headers, ResponseHead, header_of
from kubesim.userland.network.http_server import Request, Response, http_date
from kubesim.userland.network.sockets import listen
from kubesim.userland.processes.process_life import Process
from kubesim.userland.processes.signals import NUMBERS, SIGINT, SIGTERM

ROOT = "/usr/share/nginx/html"
PID_FILE = "/var/run/nginx.pid"
PORT = 80
SITE_FILE = "/etc/nginx/conf.d/default.conf"
DEFAULT_TYPE = "application/octet-stream"
SIGQUIT = NUMBERS["QUIT"]
_SECOND = 1_000_000_000
_SITE = re.compile(rb"\s*server\s*\{\s*listen\s+(\d{1,5});\s*\}\s*")


async def run_nginx(process: Process) -> int:
    """Serve until TERM, INT or QUIT. Without `daemon off;` it would go to the background, which is not emulated."""
    if process.argv[1:] != ["-g", "daemon off;"]:
        await process.complain("only `nginx -g 'daemon off;'` is emulated")
        return 1
    if process.files.exists("/etc/nginx/nginx.conf"):
        await process.complain("[emerg] configuration files are not emulated: /etc/nginx/nginx.conf")
        return 1
    port = _port(process)
    if port is None:
        await process.complain(f"[emerg] nothing but `server {{ listen PORT; }}` is emulated: {SITE_FILE}")
        return 1
    try:
        listener = listen(process, SocketAddress(ANY_IPV4, port), backlog=511)
    except FsError as error:
        number = error.errno
        await process.write(
            2, f"nginx: [emerg] bind() to 0.0.0.0:{port} failed ({number}: {error.strerror})\n".encode()
        )
        return 1
    process.files.write(PID_FILE, f"{process.pid}\n".encode())
    is_over = Event()
    for signum in (SIGTERM, SIGINT, SIGQUIT):
        process.handlers[signum] = lambda _: is_over.set()
    process.set_title(f"nginx: master process {' '.join(process.argv)}")
    worker = process.fork(lambda child: serve_site(child, listener, _answer, _log, _refuse))
    worker.set_title("nginx: worker process")
    await is_over.wait()
    worker.kill_tree()
    await worker.wait()
    process.files.remove_file(PID_FILE)
    return 0


def _port(process: Process) -> int | None:
    """The port of the one site; None for a configuration that says more."""
    if not process.files.exists(SITE_FILE):
        return PORT
    match = _SITE.fullmatch(process.files.read(SITE_FILE))
    return None if match is None or not 0 < int(match[1]) <= PORT_MAX else int(match[1])


def _answer(process: Process, request: Request) -> Response:
    found = site_file(process.files, ROOT, request)
    if isinstance(found, int):
        return _page(process, found, location_of(request, found))
    headers = (
        ("Content-Type", found.content_type(DEFAULT_TYPE)),
        ("Content-Length", str(len(found.data))),
        ("Last-Modified", http_date(found.stat.mtime_ns)),
        ("Connection", "keep-alive" if request.head.keeps_alive else "close"),
        ("ETag", f'"{found.stat.mtime_ns // _SECOND:x}-{len(found.data):x}"'),
        ("Accept-Ranges", "bytes"),
    )
    return _response(process, 200, headers, found.data)


def _refuse(process: Process, error: BadMessage) -> Response:
    return _page(process, status_of(error))


def _page(process: Process, status: int, headers: Headers = ()) -> Response:
    """An error page as nginx makes it."""
    title = f"{status} {REASONS[status] if status != 405 else 'Not Allowed'}"
    body = (
        f'<html>\r\n<head><title>{title}</title></head>\r\n<body bgcolor="white">\r\n'
        f"<center><h1>{title}</h1></center>\r\n<hr><center>{_name(process)}</center>\r\n</body>\r\n</html>\r\n"
    ).encode()
    common = (("Content-Type", "text/html"), ("Content-Length", str(len(body))))
    last = "close" if status in (400, 413, 501, 505) else "keep-alive"
    return _response(process, status, (*common, ("Connection", last), *headers), body)


def _response(process: Process, status: int, headers: Headers, body: bytes) -> Response:
    first = (("Server", _name(process)), ("Date", http_date(process.kernel.now_ns)))
    reason = "Not Allowed" if status == 405 else ""
    return Response(head=ResponseHead(status=status, reason=reason, headers=(*first, *headers)), body=body)


def _name(process: Process) -> str:
    """The version is what the official image says of itself."""
    return f"nginx/{process.env.get('NGINX_VERSION', '1.14.2').partition('-')[0]}"


async def _log(process: Process, request: Request, response: Response) -> None:
    """The access log in the image's format `main`."""
    now = datetime.fromtimestamp(process.kernel.now_ns // _SECOND, UTC)
    head = request.head
    sent = 0 if head.method == "HEAD" else len(response.body)
    named = [header_of(head.headers, name) or "-" for name in ("referer", "user-agent", "x-forwarded-for")]
    line = (
        f"{request.peer.ip} - - [{now:%d/%b/%Y:%H:%M:%S +0000}] "
        f'"{head.method} {head.target} HTTP/{head.version[0]}.{head.version[1]}" {response.head.status} {sent} '
        f'"{named[0]}" "{named[1]}" "{named[2]}"\n'
    )
    await process.write(1, line.encode(errors="surrogateescape"))
