"""Event, Promise, Channel."""

import pytest

from kubesim.kernel import Channel, ChannelClosed, Event, Kernel, Promise, sleep


def test_an_event_wakes_all_waiters_in_their_order() -> None:
    kernel = Kernel(start_ns=0)
    event, log = Event(), list[int]()

    async def waiter(number: int) -> None:
        await event.wait()
        log.append(number)

    for number in range(3):
        kernel.spawn(waiter(number), name=f"w{number}")
    kernel.run_until_idle()
    assert (log, event.waiters_count) == ([], 3)
    event.set()
    kernel.run_until_idle()
    assert log == [0, 1, 2]
    kernel.spawn(waiter(3), name="w3")
    kernel.run_until_idle()
    assert log == [0, 1, 2, 3]
    event.clear()
    kernel.spawn(waiter(4), name="w4")
    kernel.run_until_idle()
    assert log == [0, 1, 2, 3]


def test_a_promise_keeps_its_first_answer() -> None:
    kernel = Kernel(start_ns=0)
    promise = Promise[str]()
    task = kernel.spawn(promise.wait(), name="t")
    kernel.run_until_idle()
    promise.resolve("first")
    promise.resolve("second")
    promise.fail(ValueError("late"))
    kernel.run_until_idle()

    assert task.result() == "first"


def test_a_failed_promise_raises_in_every_waiter() -> None:
    kernel = Kernel(start_ns=0)
    promise = Promise[str]()
    tasks = [kernel.spawn(promise.wait(), name=f"t{number}") for number in range(2)]
    for task in tasks:
        task.watch(lambda _: None)
    promise.fail(ValueError("no"))
    kernel.run_until_idle()

    for task in tasks:
        with pytest.raises(ValueError, match="no"):
            task.result()


def test_a_full_channel_makes_its_sender_wait() -> None:
    kernel = Kernel(start_ns=0)
    channel, log = Channel[int](capacity=2), list[tuple[str, int]]()

    async def send() -> None:
        for number in range(4):
            await channel.send(number)
            log.append(("sent", number))
        channel.close()

    async def receive() -> None:
        await sleep(10)
        async for number in channel:
            log.append(("got", number))

    kernel.spawn(send(), name="send")
    kernel.spawn(receive(), name="receive")
    kernel.run_until(5)
    assert log == [("sent", 0), ("sent", 1)]
    kernel.run_until_idle()
    assert [entry for entry in log if entry[0] == "got"] == [("got", number) for number in range(4)]
    assert len(channel) == 0


def test_a_closed_channel_refuses_and_ends() -> None:
    kernel = Kernel(start_ns=0)
    channel = Channel[int]()
    channel.send_nowait(1)
    channel.close()
    with pytest.raises(ChannelClosed):
        channel.send_nowait(2)

    async def drain() -> list[int]:
        return [item async for item in channel]

    task = kernel.spawn(drain(), name="drain")
    kernel.run_until_idle()
    assert task.result() == [1]


def test_an_item_offered_to_a_receiver_that_is_cancelled_goes_to_the_next() -> None:
    kernel = Kernel(start_ns=0)
    channel = Channel[int]()
    first = kernel.spawn(channel.receive(), name="first")
    second = kernel.spawn(channel.receive(), name="second")
    kernel.run_until_idle()
    channel.send_nowait(7)
    first.cancel()
    channel.send_nowait(8)
    kernel.run_until_idle()

    assert second.result() == 7
    assert len(channel) == 1
