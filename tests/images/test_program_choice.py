"""Which emulated program runs in the place of the machine code of an image."""

import pytest

from kubesim.images.program_choice import program_for_machine_code
from kubesim.images.programs import PROGRAMS

ELF = b"\x7fELF\x02\x01\x01"


@pytest.mark.parametrize(
    ("called", "path", "program"),
    [
        ("/bin/busybox", "/bin/busybox", "busybox"),
        ("/bin/ls", "/bin/busybox", "busybox:ls"),  # a symbolic link
        ("/bin/ls", "/bin/ls", "busybox:ls"),  # a hard link, or a program of its own
        ("/usr/bin/nc", "/usr/bin/nc.openbsd", "busybox:nc"),  # by way of /etc/alternatives
        ("/bin/sh", "/usr/bin/dash", "busybox:sh"),
        ("/bin/sh", "/usr/bin/bash", "busybox:sh"),
        ("/bin/dash", "/bin/dash", "busybox:sh"),
        ("/bin/bash", "/bin/bash", ""),
        ("/usr/local/bin/lister", "/bin/ls", "busybox:ls"),
        ("/usr/sbin/nginx", "/usr/sbin/nginx", "nginx"),
        ("/usr/local/apache2/bin/httpd", "/usr/local/apache2/bin/httpd", "apache"),
        ("/usr/sbin/httpd", "/usr/sbin/httpd", "apache"),
        ("/usr/sbin/apache2", "/usr/sbin/apache2", "apache"),
        ("/usr/sbin/httpd", "/bin/busybox-extras", "busybox:httpd"),
        ("/bin/httpd", "/bin/httpd", "busybox:httpd"),
        ("/agnhost", "/agnhost", "agnhost"),
        ("/pause", "/pause", "pause"),
        ("/usr/bin/python3", "/usr/bin/python3.11", ""),
        ("/app/server", "/app/server", ""),
    ],
)
def test_the_name_decides(called: str, path: str, program: str) -> None:
    assert program_for_machine_code(ELF, called=called, path=path) == program
    assert program in {"", *PROGRAMS}


@pytest.mark.parametrize("beginning", [b"", b"#!/bin/sh\n", b"\x7fEL", b"MZ"])
def test_what_is_no_machine_code_is_no_program(beginning: bytes) -> None:
    assert program_for_machine_code(beginning, called="/bin/ls", path="/bin/ls") == ""
