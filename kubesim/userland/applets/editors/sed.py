"""sed: a script for every line."""

from __future__ import annotations

from kubesim.userland.applets.editors.sed_files import SedInput, SedOutput
from kubesim.userland.applets.editors.sed_run import SedRun
from kubesim.userland.applets.editors.sed_script import SedScript
from kubesim.userland.applets.text_stream import AppletError, TextOut, byte_text, open_input, read_all
from kubesim.userland.files.fs_error import FsError
from kubesim.userland.files.open_file import OpenFile
from kubesim.userland.options import Options, UsageError, parse_options
from kubesim.userland.processes.process_life import Process

_LONG_NAMES = {
    "in-place": "i",
    "regexp-extended": "r",
    "quiet": "n",
    "silent": "n",
    "expression": "e",
    "file": "f",
}


async def run(process: Process) -> int:
    """Edit the operands, or standard input."""
    if process.argv[1:2] == ["--version"]:
        await process.say("This is not GNU sed version 4.0\n")
        return 0
    options = parse_options(process.argv, "i::rEne:f:", long_names=_LONG_NAMES)
    operands = list(options.operands)
    script = SedScript(is_extended="r" in options or "E" in options, is_quiet="n" in options)
    held: list[OpenFile] = []
    stdout = TextOut(process)
    try:
        await _read_script(process, options, operands, script)
        editing = SedRun(process, script, _written(process, script, held))
        if "i" in options:
            if not operands:
                raise AppletError("-i requires an argument")
            return await _edit_in_place(process, editing, operands, options.values.get("i", ""))
        return await _edit(process, editing, operands, stdout)
    except AppletError as error:
        await stdout.flush()
        await process.complain(error.message)
        return error.code
    finally:
        for file in held:
            file.release()


async def _edit(process: Process, editing: SedRun, names: list[str], out: TextOut) -> int:
    source = SedInput(process, names or ["-"], out)
    try:
        await editing.run(source, SedOutput(out))
    finally:
        source.close()
    await out.flush()
    await editing.flush_files()
    return 1 if source.has_failed else 0


async def _edit_in_place(process: Process, editing: SedRun, names: list[str], suffix: str) -> int:
    """Write each file anew beside itself, then put it in the place of the old one."""
    files = process.files
    code = 0
    for name in names:
        try:
            stat = files.stat(name)
        except FsError as error:
            await process.complain(f"{name}: {error.strerror}")
            code = 1
            continue
        temporary = f"{name}{process.draw_bits(30):06x}"
        try:
            file = files.open_write(temporary, is_exclusive=True, mode=0o600).hold()
        except FsError as error:
            raise AppletError(f"can't create temp file '{name}XXXXXX': {error.strerror}") from None
        try:
            code |= await _edit(process, editing, [name], TextOut(process, file))
            files.set_mode(temporary, stat.mode & 0o7777)
            if process.credentials.is_root:
                files.set_owner(temporary, stat.uid, stat.gid)
            if suffix:
                files.rename(name, f"{name}{suffix}")
            files.rename(temporary, name)
        finally:
            file.release()
            if files.exists(temporary):
                files.remove_file(temporary)
    return code


def _written(process: Process, script: SedScript, held: list[OpenFile]) -> dict[str, SedOutput]:
    """The files of `w`, opened before anything is read, by name."""
    outputs: dict[str, SedOutput] = {}
    for command in script.commands:
        name = command.file
        if name is None or name in outputs:
            continue
        path = name.encode("latin-1").decode(errors="surrogateescape")
        try:
            file = process.files.open_write(path, is_truncated=True).hold()
        except FsError as error:
            raise AppletError(f"can't open '{path}': {error.strerror}") from None
        held.append(file)
        outputs[name] = SedOutput(TextOut(process, file))
    return outputs


async def _read_script(process: Process, options: Options, operands: list[str], script: SedScript) -> None:
    for text in options.repeated.get("e", []):
        script.add_block(byte_text(text))
    for name in options.repeated.get("f", []):
        try:
            file = open_input(process, name)
        except FsError as error:
            raise AppletError(f"{name}: {error.strerror}") from None
        try:
            text = (await read_all(process, file)).decode("latin-1")
        finally:
            file.release()
        for line in text.removesuffix("\n").split("\n") if text else []:
            script.add_line(line)
    if "e" not in options and "f" not in options:
        if not operands:
            raise UsageError
        script.add_block(byte_text(operands.pop(0)))
    script.add_line("")
