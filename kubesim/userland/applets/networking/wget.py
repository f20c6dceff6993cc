"""wget: fetch over HTTP.

Mirrors busybox: networking/wget.c. TLS is spoken by nobody in this world, so https is refused, as FTP is.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field

from kubesim.kernel import timeout
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.network.address import SocketAddress, canonical_ip
from kubesim.userland.network.http_message import (
    BadMessage,
    ResponseHead,
    header_of,
    parse_response,
    response_body,
)
from kubesim.userland.network.http_server import MessageReader, send
from kubesim.userland.network.resolver import NameUnknown, resolve
from kubesim.userland.network.sockets import connect
from kubesim.userland.network.stream import Stream
from kubesim.userland.options import Options, UsageError, parse_options
from kubesim.userland.processes.exit_status import ProcessExit
from kubesim.userland.processes.process_life import Process

HTTP_PORT = 80
PORT_MAX = 65535
REDIRECTIONS_MAX = 5
TIMEOUT_SECONDS = 900
BAR = "*" * 32
_UNITS = "kMGT"
_SECOND = 1_000_000_000

_LONG_NAMES = {
    "continue": "c",
    "quiet": "q",
    "server-response": "S",
    "output-document": "O",
    "output-file": "o",
    "directory-prefix": "P",
    "user-agent": "U",
    "proxy": "Y",
    "timeout": "T",
    "tries": "t",
    "spider": "spider",
    "header": "header:",
    "post-data": "post-data:",
    "post-file": "post-file:",
    "no-check-certificate": "no-check-certificate",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Url:
    host: str
    """With the port as it was written: what the Host header has."""
    name: str
    port: int
    path: str
    user: str = ""


@dataclass(slots=True, kw_only=True)
class _Job:
    process: Process
    options: Options
    patience_ns: int
    post: bytes | None
    begin: int = 0
    """How many bytes of the file are there already, with -c."""
    redirections: int = 0
    log: list[str] = field(default_factory=list)

    async def note(self, text: str) -> None:
        """A line for whoever watches."""
        if "q" not in self.options:
            await self.process.write(2, f"{text}\n".encode(errors="surrogateescape"))

    async def fail(self, text: str) -> ProcessExit:
        """The error that ends the program, once it is said."""
        await self.process.complain(text)
        return ProcessExit(1)


async def run(process: Process) -> int:
    """Fetch each URL into a file, named by its path unless -O says otherwise."""
    options = parse_options(process.argv, "cqSO:o:P:U:Y:T:t:", long_names=_LONG_NAMES)
    if not options.operands:
        raise UsageError
    if "o" in options:
        await process.complain("option -o is not emulated")
        return 1
    seconds = options.values.get("T", str(TIMEOUT_SECONDS))
    if not (seconds.isascii() and seconds.isdecimal()):
        await process.complain(f"invalid number '{seconds}'")
        return 1
    job = _Job(
        process=process, options=options, patience_ns=int(seconds) * _SECOND, post=await _posted(process, options)
    )
    for text in options.operands:
        await _fetch(job, await _parse_url(job, text))
    return 0


async def _posted(process: Process, options: Options) -> bytes | None:
    if "post-file" in options:
        name = options.values["post-file"]
        try:
            return process.files.read(name)
        except FsError as error:
            await process.complain(f"can't open '{name}': {error.strerror}")
            raise ProcessExit(1) from None
    if "post-data" in options:
        return "&".join(options.repeated["post-data"]).encode(errors="surrogateescape")
    return None


async def _parse_url(job: _Job, text: str) -> _Url:
    scheme, mark, rest = text.partition("://")
    if not mark:
        scheme, rest = "http", text
    if scheme in ("https", "ftp", "ftps"):
        raise await job.fail(f"{scheme} is not emulated: nobody in this world speaks it")
    if scheme != "http":
        raise await job.fail(f"not an http or ftp url: {text}")
    end = next((place for place, sign in enumerate(rest) if sign in "/?#"), len(rest))
    host, path = rest[:end], rest[end:].partition("#")[0]
    user, _, host = host.rpartition("@")
    name, port_text = _split_port(host)
    if port_text and not (port_text.isdecimal() and 0 < int(port_text) <= PORT_MAX):
        raise await job.fail(f"bad port '{port_text}'")
    path = path if path.startswith("/") else f"/{path}"
    return _Url(host=host, name=name, port=int(port_text or HTTP_PORT), path=path, user=user)


def _split_port(host: str) -> tuple[str, str]:
    if host.startswith("["):
        name, _, rest = host[1:].partition("]")
        return name, rest.removeprefix(":")
    if canonical_ip(host) is not None:
        return host, ""
    name, _, port = host.partition(":")
    return name, port


def _file_name(job: _Job, url: _Url) -> str:
    if "O" in job.options:
        return job.options.values["O"]
    name = url.path.partition("?")[0].rpartition("/")[2] or "index.html"
    prefix = job.options.values.get("P", "")
    return f"{prefix.rstrip('/')}/{name}" if prefix else name


async def _fetch(job: _Job, url: _Url) -> None:
    name = _file_name(job, url)
    job.begin, job.redirections = 0, 0
    if "c" in job.options and name != "-":
        try:
            job.begin = job.process.files.stat(name).size_bytes
        except FsError as error:
            if error.errno_name != "ENOENT":
                raise await job.fail(f"can't stat '{name}': {error.strerror}") from None
    while True:
        stream = await _connect(job, url)
        try:
            head, reader = await _ask(job, url, stream)
            if head.status in (301, 302, 303, 307, 308) and (location := header_of(head.headers, "location")):
                job.redirections += 1
                if job.redirections > REDIRECTIONS_MAX:
                    raise await job.fail("too many redirections")
                url = await _parse_url(job, location) if "://" in location else _moved(url, location)
                continue
            await _check(job, head)
            if "spider" in job.options:
                await job.note("remote file exists")
                return
            await _save(job, name, head, reader)
            return
        finally:
            stream.release()


def _moved(url: _Url, location: str) -> _Url:
    path = location if location.startswith("/") else f"/{location}"
    return _Url(host=url.host, name=url.name, port=url.port, path=path, user=url.user)


async def _connect(job: _Job, url: _Url) -> Stream:
    try:
        ip = (await resolve(job.process, url.name))[0]
    except NameUnknown:
        raise await job.fail(f"bad address '{url.name}'") from None
    address = SocketAddress(ip, url.port)
    await job.note(f"Connecting to {url.host} ({address.text()})")
    try:
        async with timeout(job.patience_ns):
            return await connect(job.process, address)
    except TimeoutError:
        raise await job.fail("download timed out") from None
    except FsError as error:
        raise await job.fail(f"can't connect to remote host ({ip}): {error.strerror}") from None


async def _ask(job: _Job, url: _Url, stream: Stream) -> tuple[ResponseHead, MessageReader]:
    reader = MessageReader(stream)
    try:
        async with timeout(job.patience_ns):
            await send(stream, _request(job, url))
            while True:
                raw = await reader.head()
                if raw is None:
                    raise await job.fail("error getting response")
                head = parse_response(raw)
                if head.status != 100:
                    break
    except TimeoutError:
        raise await job.fail("download timed out") from None
    except BadMessage:
        raise await job.fail("error getting response") from None
    except FsError as error:
        raise await job.fail(f"error getting response: {error.strerror}") from None
    if "S" in job.options:
        lines = [head.line, *(f"{name}: {value}" for name, value in head.headers), ""]
        await job.process.write(2, "".join(f"  {line}\n" for line in lines).encode())
    return head, reader


def _request(job: _Job, url: _Url) -> bytes:
    """The headers in busybox's order; those of --header take the place of its own."""
    own = job.options.repeated.get("header", [])
    given = {header.partition(":")[0].strip().lower() for header in own}
    lines = [f"{'GET' if job.post is None else 'POST'} {url.path} HTTP/1.1"]
    if "host" not in given:
        lines.append(f"Host: {url.host}")
    if "user-agent" not in given:
        lines.append(f"User-Agent: {job.options.values.get('U', 'Wget')}")
    lines.append("Connection: close")
    if url.user and "authorization" not in given:
        lines.append(f"Authorization: Basic {b64encode(url.user.encode()).decode()}")
    if job.begin:
        lines.append(f"Range: bytes={job.begin}-")
    lines += own
    if job.post is not None:
        if "content-type" not in given:
            lines.append("Content-Type: application/x-www-form-urlencoded")
        lines.append(f"Content-Length: {len(job.post)}")
    head = "".join(f"{line}\r\n" for line in [*lines, ""])
    return head.encode(errors="surrogateescape") + (job.post or b"")


async def _check(job: _Job, head: ResponseHead) -> None:
    """Only a success is saved; a server that begins anew cannot continue a file."""
    if head.status == 206 and job.begin:
        return
    if not 200 <= head.status < 300 or head.status == 206:
        raise await job.fail(f"server returned error: {head.line}")
    if job.begin:
        await job.note("wget: restart failed")
        job.begin = 0


async def _save(job: _Job, name: str, head: ResponseHead, reader: MessageReader) -> None:
    coding = header_of(head.headers, "transfer-encoding")
    if coding is not None and coding.lower() != "chunked":
        raise await job.fail(f"transfer encoding '{coding}' is not supported")
    output = await _open(job, name)
    try:
        await job.note("writing to stdout" if name == "-" else f"saving to '{name}'")
        size_bytes = job.begin + await _copy(job, head, reader, output)
        if size_bytes:
            shown = name.rpartition("/")[2]
            await job.note(f"{shown:<20.20} 100% |{BAR}|{_human(size_bytes)}  0:00:00 ETA")
        await job.note("written to stdout" if name == "-" else f"'{name}' saved")
    finally:
        output.release()


async def _open(job: _Job, name: str) -> OpenFile:
    process = job.process
    if name == "-":
        return process.open_file_of(1).hold()
    try:
        if "O" not in job.options and "c" not in job.options and process.files.exists(name):
            raise FsError("EEXIST")
        return process.files.open_write(name, is_append=job.begin > 0, is_truncated=not job.begin).hold()
    except FsError as error:
        raise await job.fail(f"can't open '{name}': {error.strerror}") from None


async def _copy(job: _Job, head: ResponseHead, reader: MessageReader, output: OpenFile) -> int:
    copied_bytes = 0
    try:
        body = response_body(head, method="GET")
        while True:
            async with timeout(job.patience_ns):
                part = await reader.part(body)
            if not part:
                return copied_bytes
            copied_bytes += len(part)
            rest = output.write_now(part)
            while rest is not None:
                await output.wait_writable()
                rest = output.write_now(rest)
            await job.process.step()
    except TimeoutError:
        raise await job.fail("download timed out") from None
    except BadMessage:
        raise await job.fail("connection closed prematurely") from None
    except FsError as error:
        raise await job.fail(f"read error: {error.strerror}") from None


def _human(size_bytes: int) -> str:
    """Six columns; what does not fit has a unit, and a decimal below 100. Mirrors busybox: libbb/human_readable.c."""
    if size_bytes < 100_000:
        return f"{size_bytes:6d}"
    tenths, unit = size_bytes * 10, -1
    while tenths >= 10240 and unit < len(_UNITS) - 1:
        tenths, unit = tenths // 1024, unit + 1
    text = f"{tenths // 10}.{tenths % 10}" if tenths < 1000 else str(tenths // 10)
    return f"{text + _UNITS[unit]:>6}"
