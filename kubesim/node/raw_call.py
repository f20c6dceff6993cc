"""CRI calls that a user writes: a method's name and a plain request, to what a runtime takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message

from kubesim.cri.methods import METHODS, Method
from kubesim.errors import InputError
from kubesim.model.mistakes import nearest


def raw_method(name: str, where: str) -> Method:
    """The method of that name. Raises InputError for none, and for one that answers with a stream."""
    method = METHODS.get(name)
    if method is None:
        hint = "name an RPC of the CRI, such as CreateContainer"
        raise InputError(f"there is no CRI method {name!r}{nearest(name, METHODS)}", where=where, hint=hint)
    if method.server_streaming:
        raise InputError(f"{name} answers with a stream", where=where, hint="send a call that has one answer")
    return method


def raw_request(name: str, request: Mapping[str, Any], where: str) -> tuple[Method, Message]:
    """The method of that name, and its request message. Raises InputError, also for fields that it does not have."""
    method = raw_method(name, where)
    try:
        return method, ParseDict(dict(request), method.request_type())
    except ParseError as error:
        hint = "write fields as the proto does, with snake_case names"
        raise InputError(f"no {method.request_type.DESCRIPTOR.name}: {error}", where=where, hint=hint) from error
