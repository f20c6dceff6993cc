"""kubesim's messages live beside a user's own compiled CRI stubs in one process, whichever is imported first.

Each case runs in a process of its own, because protobuf's default pool cannot be emptied.
"""

import subprocess
import sys

import pytest

# What a generated api_pb2 does at import: it adds its file, under the name its compiler was given, to the default pool.
FOREIGN = """
import sys
from importlib import resources
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

compiled = resources.files("kubesim.cri").joinpath("descriptor_set.binpb").read_bytes()
file = descriptor_pb2.FileDescriptorSet.FromString(compiled).file[0]
file.name = "api.proto"
pool = descriptor_pool.Default()
pool.AddSerializedFile(file.SerializeToString())
Foreign = message_factory.GetMessageClass(pool.FindMessageTypeByName("runtime.v1.Container"))
"""
OURS = """
from kubesim.cri import api
"""
EXCHANGE = """
assert Foreign is not api.Container
theirs = Foreign.FromString(api.Container(id="x", state=api.CONTAINER_RUNNING).SerializeToString())
assert (theirs.id, theirs.state) == ("x", 1)
print("lived together")
"""
SECOND_COPY = """
file.name = "another/api.proto"
try:
    pool.AddSerializedFile(file.SerializeToString())
except TypeError as error:
    print("refused:", error)
"""


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("program", [FOREIGN + OURS + EXCHANGE, OURS + FOREIGN + EXCHANGE], ids=["after", "before"])
def test_foreign_stubs_do_not_clash(program: str) -> None:
    assert run(program) == "lived together"


def test_two_copies_in_one_pool_do_clash() -> None:
    """Why the pool is private. If this ever passes without a refusal, the tests above prove nothing."""
    assert run(FOREIGN + SECOND_COPY).startswith("refused:")


def test_nothing_of_ours_is_in_the_default_pool() -> None:
    program = """
from google.protobuf import descriptor_pool
from kubesim.cri import api
try:
    descriptor_pool.Default().FindMessageTypeByName("runtime.v1.Container")
except KeyError:
    print("absent")
"""

    assert run(program) == "absent"
