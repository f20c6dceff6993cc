"""The files of a directory as a web server gives them out, for the servers of images."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import unquote

from kubesim.userland.files.file_stat import FileKind, Stat
from kubesim.userland.files.file_view import FileView
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.network.http_message import BadMessage, Headers, header_of
from kubesim.userland.network.http_server import Request, Response, serve
from kubesim.userland.network.stream import Listener
from kubesim.userland.processes.process_life import Process

INDEX = "index.html"
TYPES = {"html": "text/html", "htm": "text/html", "css": "text/css", "txt": "text/plain", "json": "application/json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteFile:
    """A file of the site."""

    name: str
    stat: Stat
    data: bytes

    def content_type(self, default: str) -> str:
        """By the ending of its name."""
        return TYPES.get(self.name.rpartition(".")[2], default)


def site_file(files: FileView, root: str, request: Request) -> SiteFile | int:
    """What a GET or HEAD asks for below `root`, or the status that refuses it: 301 for a directory without a slash."""
    path = unquote(request.head.path, errors="surrogateescape")
    if not path.startswith("/") or "\0" in path or ".." in path.split("/"):
        return 400
    if request.head.method not in ("GET", "HEAD"):
        return 405
    name = f"{root}{path}"
    try:
        if files.stat(name).kind is FileKind.DIRECTORY:
            if not path.endswith("/"):
                return 301
            name = f"{name}{INDEX}"
            if not files.exists(name):
                return 403
        return SiteFile(name=name, stat=files.stat(name), data=files.read(name))
    except FsError as error:
        return 403 if error.errno_name == "EACCES" else 404


async def serve_site(
    process: Process,
    listener: Listener,
    answer: Callable[[Process, Request], Response],
    log: Callable[[Process, Request, Response], Awaitable[None]],
    refuse: Callable[[Process, BadMessage], Response],
) -> int:
    """What a worker does until it is killed: answer each request and write it to the access log."""

    async def respond(request: Request) -> Response:
        response = answer(process, request)
        await log(process, request, response)
        return response

    await serve(process, listener, respond, lambda error: refuse(process, error))
    return 0


def location_of(request: Request, status: int) -> Headers:
    """Where a directory without its slash is sent to; nothing with any other status than 301."""
    host = header_of(request.head.headers, "host") or "localhost"
    return (("Location", f"http://{host}{request.head.path}/"),) if status == 301 else ()


def status_of(error: BadMessage) -> int:
    """What a message that makes no sense is answered with."""
    return error.status if error.status in (413, 501, 505) else 400
