"""The CRI messages and enums, under the names that a generated module would give them.

`api.pyi` beside this file tells type checkers what is here: a class for every message, a wrapper for every enum
(`api.ContainerState.Name(1)`), and every value of a top-level enum (`api.CONTAINER_RUNNING`). The names come from
the descriptor set at import, so this file never needs a change when the proto does.
"""

from __future__ import annotations

from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper

from kubesim.cri.descriptors import FILE, message_class

DESCRIPTOR = FILE

for _descriptor in FILE.message_types_by_name.values():
    _class = message_class(_descriptor)
    _class.__module__ = __name__  # protobuf cannot know it; with it, repr, pydoc and pickle find the class
    globals()[_descriptor.name] = _class

for _enum in FILE.enum_types_by_name.values():
    globals()[_enum.name] = EnumTypeWrapper(_enum)
    globals().update((value.name, value.number) for value in _enum.values)
