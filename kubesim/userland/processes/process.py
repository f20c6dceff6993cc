"""Processes: what the runtime and the programs import from here. The parts are in process_life and process_table."""

from kubesim.userland.files.credentials import ROOT, Credentials
from kubesim.userland.files.open_file import BytesFile, NullFile, OpenFile, Sink
from kubesim.userland.files.pipe import Pipe
from kubesim.userland.processes.executable import ExecError, Executable
from kubesim.userland.processes.exit_status import ExitStatus, ProcessExit
from kubesim.userland.processes.process_life import Handler, Process, Program
from kubesim.userland.processes.process_table import ProcessSpec, ProcessTable

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
