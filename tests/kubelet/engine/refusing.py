"""A runtime that refuses what a test wants refused, between the kubelet of a story and the emulated one."""

from collections.abc import AsyncIterator, Callable
from typing import Any

from google.protobuf.message import Message

from kubesim.cri import api
from kubesim.cri.errors import Code, CriError
from kubesim.cri.protocol import Cri, Method, encoding

SAID = CriError(Code.UNKNOWN, "said no")


class Refusing:
    """`refuse(method, request)` gives the error of a call, or None; `change(answer)` may change what is answered."""

    def __init__(
        self,
        cri: Cri,
        refuse: Callable[[str, Any], CriError | None],
        change: Callable[[Message], object] = lambda _: None,
    ) -> None:
        self._cri = cri
        self._refuse = refuse
        self._change = change

    async def call(self, method: Method, request: Message) -> Message:
        error = self._refuse(method.name, request)
        if error is not None:
            raise error
        answer = await self._cri.call(method, request)
        self._change(answer)
        return answer

    def stream(self, method: Method, request: Message) -> AsyncIterator[Message]:
        return self._cri.stream(method, request)


def refuse(story: Any, *methods: str, error: CriError = SAID) -> None:
    """From now on these calls are refused; without a method none is."""
    refuse_if(story, lambda name, _: error if name in methods else None)


def refuse_if(story: Any, decide: Callable[[str, Any], CriError | None]) -> None:
    """From now on `decide` says which calls are refused."""
    _put(story, Refusing(story.node.runtime, decide))


def lose_network(story: Any) -> None:
    """From now on the runtime says that its network is not ready."""

    def change(answer: Message) -> None:
        if isinstance(answer, api.StatusResponse):
            network = next(one for one in answer.status.conditions if one.type == "NetworkReady")
            network.status, network.reason, network.message = False, "NetworkPluginNotReady", "no CNI"

    _put(story, Refusing(story.node.runtime, lambda *_: None, change))


def _put(story: Any, refusing: Refusing) -> None:
    journal = story.node._journal
    journal._cri, journal._call_encoded = refusing, encoding(refusing)
    journal._ask = journal._peek = None
