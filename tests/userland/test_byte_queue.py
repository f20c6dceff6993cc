"""What goes in comes out, in order, however it is cut."""

from hypothesis import given
from hypothesis import strategies as st

from kubesim.userland.files.byte_queue import GATHERED_BYTES_MAX, SMALL_BYTES, ByteQueue

SIZES = st.one_of(st.integers(0, 20), st.integers(SMALL_BYTES - 2, SMALL_BYTES + 2), st.just(GATHERED_BYTES_MAX))


@given(st.lists(st.one_of(SIZES.map(lambda size: ("put", size)), SIZES.map(lambda size: ("take", size)))))
def test_it_is_a_bytearray_that_is_cut_from_the_front(steps: list[tuple[str, int]]) -> None:
    queue, model = ByteQueue(), bytearray()
    for number, (step, size) in enumerate(steps):
        if step == "put":
            data = bytes([number % 256]) * size
            queue.put(data)
            model += data
        else:
            assert queue.take(size) == bytes(model[:size])
            del model[:size]
        assert len(queue) == len(model)
    assert queue.take(len(model)) == bytes(model)


def test_single_bytes_are_gathered() -> None:
    queue = ByteQueue()
    for _ in range(2 * GATHERED_BYTES_MAX):
        queue.put(b"x")

    assert len(queue._pieces) == 2


def test_what_comes_as_a_whole_goes_as_a_whole() -> None:
    queue, data = ByteQueue(), bytes(65536)
    queue.put(data)

    assert queue.take(65536) is data


def test_clear_forgets() -> None:
    queue = ByteQueue()
    queue.put(b"abc")
    queue.clear()

    assert (len(queue), queue.take(3)) == (0, b"")
