"""Processes: what the runtime and the programs import from here. The parts are in process_life and process_table."""

from kubesim.userland.credentials import ROOT, Credentials
from kubesim.userland.executable import ExecError, Executable
from kubesim.userland.open_file import BytesFile, NullFile, OpenFile, Sink
from kubesim.userland.pipe import Pipe
from kubesim.userland.process_life import ExitStatus, Handler, Process, ProcessExit, Program
from kubesim.userland.process_table import ProcessSpec, ProcessTable

__all__ = [
    "ROOT",
    "BytesFile",
    "Credentials",
    "ExecError",
    "Executable",
    "ExitStatus",
    "Handler",
    "NullFile",
    "OpenFile",
    "Pipe",
    "Process",
    "ProcessExit",
    "ProcessSpec",
    "ProcessTable",
    "Program",
    "Sink",
]
