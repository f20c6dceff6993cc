"""httpd: busybox's small web server.

Mirrors busybox: networking/httpd.c. CGI, authentication and configuration files are not emulated and refused.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from kubesim.userland.files.file_stat import FileKind
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.network.address import ANY_IPV6, SocketAddress, parse_port
from kubesim.userland.network.http_message import REASONS, BadMessage, Headers, ResponseHead, header_of
from kubesim.userland.network.http_server import Request, Response, http_date, serve
from kubesim.userland.network.resolver import NameUnknown, resolve
from kubesim.userland.network.sockets import listen
from kubesim.userland.options import parse_options
from kubesim.userland.processes.exit_status import ProcessExit
from kubesim.userland.processes.process_life import Process

HTTP_PORT = 80
INDEX = "index.html"
CGI_PREFIX = "/cgi-bin/"

TYPES = {
    "txt": "text/plain",
    "h": "text/plain",
    "c": "text/plain",
    "cc": "text/plain",
    "cpp": "text/plain",
    "htm": "text/html",
    "html": "text/html",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "png": "image/png",
    "svg": "image/svg+xml",
    "css": "text/css",
    "js": "application/javascript",
    "wav": "audio/wav",
    "avi": "video/x-msvideo",
}
"""Content types by what a name ends with; others have none."""

_EXPLANATIONS = {
    400: "Unsupported method",
    403: "",
    404: "The requested URL was not found",
    408: "No request appeared within 60 seconds",
    500: "Internal server error",
    501: "The requested method is not recognized",
}


async def run(process: Process) -> int:
    """Serve files of a directory until a signal ends it; without -f from the background."""
    options = parse_options(process.argv, "ifvp:u:r:h:c:m:e:d:")
    for letter in "iurcmed":
        if letter in options:
            await process.complain(f"option -{letter} is not emulated")
            return 1
    home = options.values.get("h", "")
    if home:
        try:
            process.files.change_directory(home)
        except FsError as error:
            await process.complain(f"can't change directory to '{home}': {error.strerror}")
            return 1
    address = await _address(process, options.values.get("p", str(HTTP_PORT)))
    try:
        listener = listen(process, address, backlog=9)
    except FsError as error:
        await process.complain(f"bind: {error.strerror}")
        return 1
    server = _Server(process, verbosity=options.given.count("v"))

    async def work(worker: Process) -> int:
        server.process = worker
        await serve(worker, listener, server.respond, server.refuse)
        return 0

    if "f" not in options:
        process.fork(work)
        return 0
    return await work(process)


async def _address(process: Process, text: str) -> SocketAddress:
    host, colon, port = text.rpartition(":")
    try:
        if not colon and not port.isdecimal():
            raise NameUnknown(port)
        ip = (await resolve(process, host))[0] if host else ANY_IPV6
        return SocketAddress(ip, parse_port(port))
    except NameUnknown as error:
        await process.complain(f"bad address '{error}'")
    except FsError:
        await process.complain(f"bad address '{text}'")
    raise ProcessExit(1)


class _Server:
    def __init__(self, process: Process, *, verbosity: int) -> None:
        self.process = process
        self._verbosity = verbosity

    async def respond(self, request: Request) -> Response:
        response = self._answer(request)
        if self._verbosity:
            peer = request.peer.text()
            if self._verbosity > 1:
                await self._log(f"{peer}: url:{request.head.target}")
            await self._log(f"{peer}: response:{response.head.status}")
        return response

    async def _log(self, text: str) -> None:
        await self.process.write(2, f"{text}\n".encode(errors="surrogateescape"))

    def refuse(self, error: BadMessage) -> Response:
        return self._error(501 if error.status == 501 else 400)

    def _answer(self, request: Request) -> Response:
        path = unquote_to_bytes(request.head.path).decode(errors="surrogateescape")
        if not path.startswith("/") or "\0" in path or _climbs(path):
            return self._error(400)
        if request.head.method not in ("GET", "HEAD"):
            return self._error(501)
        if path.startswith(CGI_PREFIX):
            return self._error(501)
        files = self.process.files
        name = f".{path}"
        try:
            if files.stat(name).kind is FileKind.DIRECTORY:
                if not path.endswith("/"):
                    return self._plain(302, (("Content-type", "text/html"), ("Location", f"{path}/")))
                name = f"{name}{INDEX}"
            stat = files.stat(name)
            data = files.read(name)
        except FsError as error:
            return self._error(403 if error.errno_name == "EACCES" else 404)
        kind = TYPES.get(name.rpartition(".")[2], "")
        return self._file(request, data, stat.mtime_ns, kind)

    def _file(self, request: Request, data: bytes, mtime_ns: int, kind: str) -> Response:
        headers = [("Content-type", kind)] if kind else []
        status = 200
        part = _range(header_of(request.head.headers, "range") or "", len(data))
        etag = f'"{mtime_ns // 1_000_000_000:x}-{len(data):x}"'
        if part is not None:
            status = 206
            headers = [("Content-type", kind or "text/html")]
            headers.append(("Content-Range", f"bytes {part[0]}-{part[1]}/{len(data)}"))
            data = data[part[0] : part[1] + 1]
        headers += [
            ("Accept-Ranges", "bytes"),
            ("Last-Modified", http_date(mtime_ns)),
            ("ETag", etag),
            ("Content-Length", str(len(data))),
        ]
        return self._plain(status, tuple(headers), data)

    def _error(self, status: int) -> Response:
        title = f"{status} {REASONS[status]}"
        body = (
            f"<HTML><HEAD><TITLE>{title}</TITLE></HEAD>\n<BODY><H1>{title}</H1>\n"
            f"{_EXPLANATIONS[status]}\n</BODY></HTML>\n"
        )
        return self._plain(status, (("Content-type", "text/html"),), body.encode())

    def _plain(self, status: int, headers: Headers, body: bytes = b"") -> Response:
        common = (("Date", http_date(self.process.kernel.now_ns)), ("Connection", "close"))
        return Response(head=ResponseHead(status=status, headers=common + headers), body=body)


def _climbs(path: str) -> bool:
    """Whether the path leaves the directory on its way."""
    depth = 0
    for name in path.split("/"):
        depth += -1 if name == ".." else 1 if name not in ("", ".") else 0
        if depth < 0:
            return True
    return False


def _range(text: str, size_bytes: int) -> tuple[int, int] | None:
    """First and last byte of `bytes=FIRST-` or `bytes=FIRST-LAST`; None for anything else."""
    found = re.fullmatch(r"bytes=(\d{1,18})-(\d{0,18})", text)
    if found is None:
        return None
    first = int(found[1])
    last = min(int(found[2]), size_bytes - 1) if found[2] else size_bytes - 1
    return (first, last) if first <= last else None
