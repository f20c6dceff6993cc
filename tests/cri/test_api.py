"""`kubesim.cri.api` holds at run time what `api.pyi` promises to type checkers."""

import ast
import copy
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.message import DecodeError, Message

from kubesim.cri import api
from kubesim.cri.descriptors import FILE

STUBS = Path(api.__file__).with_suffix(".pyi")


def stub_body() -> list[ast.stmt]:
    return ast.parse(STUBS.read_text("utf-8")).body


def stub_names() -> set[str]:
    """The public names of the stubs, imports aside."""
    names = set()
    for node in stub_body():
        if isinstance(node, ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return {name for name in names if not name.startswith("_")}


def runtime_names() -> set[str]:
    tools = {"annotations", "EnumTypeWrapper", "FILE", "message_class"}  # what api.py imports for its own use
    # Names with "@" are those that pytest puts in when it rewrites a module.
    return {name for name in vars(api) if not name.startswith(("_", "@"))} - tools


def test_the_stubs_name_what_the_module_has() -> None:
    assert sorted(stub_names() - runtime_names()) == []
    assert sorted(runtime_names() - stub_names()) == []


def test_the_stubs_know_each_field_of_each_message() -> None:
    stubs = {
        node.name: {
            target.id.removesuffix("_FIELD_NUMBER")
            for target in (statement.target for statement in node.body if isinstance(statement, ast.AnnAssign))
            if isinstance(target, ast.Name) and target.id.endswith("_FIELD_NUMBER")
        }
        for node in stub_body()
        if isinstance(node, ast.ClassDef) and node.name in FILE.message_types_by_name
    }

    assert stubs == {
        name: {field.upper() for field in message.fields_by_name}
        for name, message in FILE.message_types_by_name.items()
    }


def test_enums_look_as_in_a_generated_module() -> None:
    assert api.CONTAINER_RUNNING == 1
    assert api.ContainerState.CONTAINER_RUNNING == api.CONTAINER_RUNNING
    assert api.ContainerState.Name(api.CONTAINER_EXITED) == "CONTAINER_EXITED"
    assert api.ContainerState.Value("CONTAINER_UNKNOWN") == 3
    assert api.SupplementalGroupsPolicy.items() == [("Merge", 0), ("Strict", 1)]
    assert api.SecurityProfile.ProfileType.Name(api.SecurityProfile.Unconfined) == "Unconfined"
    assert api.SecurityProfile.Localhost == 2


def status() -> api.ContainerStatus:
    """A message with every kind of field: scalars, bytes-like maps, nested, repeated, enums, odd names."""
    return api.ContainerStatus(
        id="a" * 64,
        metadata=api.ContainerMetadata(name="app", attempt=3),
        state=api.CONTAINER_EXITED,
        finished_at=1_700_000_000_123_456_789,
        exit_code=-1,
        labels={"b": "2", "a": "1"},
        mounts=[
            api.Mount(
                container_path="/volume",
                image=api.ImageSpec(image="quay.io/crio/artifact:v1"),
                uidMappings=[api.IDMapping(host_id=65536, length=65536)],
            )
        ],
        user=api.ContainerUser(linux=api.LinuxContainerUser(uid=1000, gid=3000, supplemental_groups=[3000, 4000])),
        stop_signal=api.SIGNAL_SIGTERM,
    )


def test_a_message_survives_the_wire() -> None:
    sent = status()

    received = api.ContainerStatus.FromString(sent.SerializeToString())

    assert received == sent
    assert received is not sent
    assert received.mounts[0].uidMappings[0].host_id == 65536
    assert dict(received.labels) == {"a": "1", "b": "2"}
    assert received.user.linux.supplemental_groups == [3000, 4000]


def test_the_bytes_are_those_of_the_contract() -> None:
    """By hand: field 1 of a row is its id, so the tag is 0x0a; field 6, the state, is a varint, so 0x30."""
    row = api.Container(id="ab", state=api.CONTAINER_RUNNING)

    assert row.SerializeToString() == b"\x0a\x02ab\x30\x01"


def test_unset_is_not_zero() -> None:
    context = api.LinuxContainerSecurityContext(run_as_user=api.Int64Value(value=0))

    received = api.LinuxContainerSecurityContext.FromString(context.SerializeToString())

    assert received.HasField("run_as_user")
    assert received.run_as_user.value == 0
    assert not received.HasField("run_as_group")


def test_fields_and_enum_values_from_a_newer_peer_survive() -> None:
    unknown_field = b"\xfa\x7f\x01x"  # field 2047, a string
    unknown_state = b"\x30\x63"  # field 6, value 99

    row = api.Container.FromString(b"\x0a\x02ab" + unknown_state + unknown_field)

    assert row.state == 99
    assert row.SerializeToString() == b"\x0a\x02ab" + unknown_state + unknown_field


def test_broken_bytes_are_refused() -> None:
    with pytest.raises(DecodeError):
        api.Container.FromString(b"\x0a\x05ab")


def test_an_unknown_field_name_is_refused() -> None:
    with pytest.raises(ValueError, match="containerid"):
        api.StopContainerRequest(containerid="x")  # type: ignore[call-arg]  # the point of the test


def test_messages_can_be_copied_and_pickled() -> None:
    sent = status()

    assert copy.deepcopy(sent) == sent
    assert pickle.loads(pickle.dumps(sent)) == sent


def test_classes_are_shared_and_know_where_they_live() -> None:
    assert type(status().metadata) is api.ContainerMetadata
    assert issubclass(api.ContainerStatus, Message)
    assert (api.ContainerStatus.__module__, api.ContainerStatus.__qualname__) == ("kubesim.cri.api", "ContainerStatus")


def test_the_room_loads_neither_grpc_nor_asyncio() -> None:
    program = (
        "import sys, kubesim.cri, kubesim.cri.api\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'grpc', 'asyncio'}))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
