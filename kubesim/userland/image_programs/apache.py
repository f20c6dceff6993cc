"""httpd of Apache, in the foreground: it serves /usr/local/apache2/htdocs on port 80.

Configuration files are not emulated: an image that has one is refused at the start, where it would be wrong to ignore
it. Mirrors httpd: server/mpm/event/event.c and server/core.c, log texts; server/util_script.c for dates.
"""

from __future__ import annotations

from datetime import UTC, datetime

from kubesim.kernel import Event
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.image_programs.static_site import location_of, serve_site, site_file, status_of
from kubesim.userland.network.address import ANY_IPV4, SocketAddress
from kubesim.userland.network.http_message import REASONS, BadMessage, Headers, ResponseHead
from kubesim.userland.network.http_server import Request, Response, http_date
from kubesim.userland.network.sockets import listen
from kubesim.userland.processes.process_life import Process
from kubesim.userland.processes.signals import SIGINT, SIGTERM, SIGWINCH

HOME = "/usr/local/apache2"
ROOT = f"{HOME}/htdocs"
PID_FILE = f"{HOME}/logs/httpd.pid"
PORT = 80
DEFAULT_TYPE = "text/plain"
_SECOND = 1_000_000_000

_ADDRESS_IN_USE = (
    "({number}){text}: AH00072: make_sock: could not bind to address 0.0.0.0:{port}\n"
    "no listening sockets available, shutting down\nAH00015: Unable to open logs\n"
)


async def run_httpd(process: Process) -> int:
    """Serve until TERM, INT or WINCH. Without `-DFOREGROUND` it would go to the background, which is not emulated."""
    words = [word for argument in process.argv[1:] for word in (argument.replace("-D", "-D ", 1)).split()]
    if words != ["-D", "FOREGROUND"]:
        await process.complain("only `httpd -DFOREGROUND` is emulated")
        return 1
    if process.files.exists(f"{HOME}/conf/httpd.conf"):
        await process.complain(f"configuration files are not emulated: {HOME}/conf/httpd.conf")
        return 1
    unnamed = (
        "AH00558: httpd: Could not reliably determine the server's fully qualified domain name, using "
        f"{next(iter(process.network.addresses), '127.0.0.1')}. Set the 'ServerName' directive globally to suppress "
        "this message\n"
    )
    await process.write(2, unnamed.encode())
    try:
        listener = listen(process, SocketAddress(ANY_IPV4, PORT), backlog=511)
    except FsError as error:
        text = _ADDRESS_IN_USE.format(number=error.errno, text=error.strerror, port=PORT)
        await process.write(2, text.encode())
        return 1
    process.files.write(PID_FILE, f"{process.pid}\n".encode())
    await _note(process, "mpm_event", f"AH00489: {_name()} configured -- resuming normal operations")
    await _note(process, "core", f"AH00094: Command line: 'httpd {' '.join(words)}'")
    is_over = Event()
    signals: list[int] = []

    def end(signum: int) -> None:
        signals.append(signum)
        is_over.set()

    for signum in (SIGTERM, SIGINT, SIGWINCH):
        process.handlers[signum] = end
    worker = process.fork(lambda child: serve_site(child, listener, _answer, _log, _refuse))
    await is_over.wait()
    worker.kill_tree()
    await worker.wait()
    if signals[0] == SIGWINCH:
        await _note(process, "mpm_event", "AH00492: caught SIGWINCH, shutting down gracefully")
    else:
        await _note(process, "mpm_event", "AH00491: caught SIGTERM, shutting down")
    process.files.remove_file(PID_FILE)
    return 0


def _answer(process: Process, request: Request) -> Response:
    found = site_file(process.files, ROOT, request)
    if isinstance(found, int):
        return _page(process, found, location_of(request, found))
    headers = (
        ("Last-Modified", http_date(found.stat.mtime_ns)),
        ("ETag", f'"{len(found.data):x}-{found.stat.mtime_ns // 1000:x}"'),
        ("Accept-Ranges", "bytes"),
        ("Content-Length", str(len(found.data))),
        ("Content-Type", found.content_type(DEFAULT_TYPE)),
    )
    return _response(process, 200, headers, found.data)


def _refuse(process: Process, error: BadMessage) -> Response:
    return _page(process, status_of(error), (("Connection", "close"),))


def _page(process: Process, status: int, headers: Headers = ()) -> Response:
    """An error page as httpd makes it."""
    reason = REASONS[status]
    body = (
        '<!DOCTYPE HTML PUBLIC "-//IETF//DTD HTML 2.0//EN">\n'
        f"<html><head>\n<title>{status} {reason}</title>\n</head><body>\n<h1>{reason}</h1>\n</body></html>\n"
    ).encode()
    common = (("Content-Length", str(len(body))), ("Content-Type", "text/html; charset=iso-8859-1"))
    return _response(process, status, (*headers, *common), body)


def _response(process: Process, status: int, headers: Headers, body: bytes) -> Response:
    first = (("Date", http_date(process.kernel.now_ns)), ("Server", _name()))
    return Response(head=ResponseHead(status=status, reason="", headers=(*first, *headers)), body=body)


def _name() -> str:
    return "Apache/2.4.39 (Unix)"


async def _note(process: Process, module: str, text: str) -> None:
    """A line of the error log, which the image sends to standard error."""
    moment = datetime.fromtimestamp(process.kernel.now_ns // _SECOND, UTC)
    micros = process.kernel.now_ns // 1000 % 1_000_000
    stamp = f"{moment:%a %b %d %H:%M:%S}.{micros:06d} {moment:%Y}"
    await process.write(2, f"[{stamp}] [{module}:notice] [pid {process.pid}:tid {process.pid}] {text}\n".encode())


async def _log(process: Process, request: Request, response: Response) -> None:
    """The access log in the format `common`."""
    now = datetime.fromtimestamp(process.kernel.now_ns // _SECOND, UTC)
    head = request.head
    size = len(response.body) if head.method != "HEAD" and response.body else "-"
    line = (
        f"{request.peer.ip} - - [{now:%d/%b/%Y:%H:%M:%S +0000}] "
        f'"{head.method} {head.target} HTTP/{head.version[0]}.{head.version[1]}" {response.head.status} {size}\n'
    )
    await process.write(1, line.encode(errors="surrogateescape"))
