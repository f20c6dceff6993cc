"""What the last answer was read as."""

from kubesim.kubelet.last_answer import LastAnswer


def test_the_same_bytes_are_read_once_and_others_anew() -> None:
    read: list[bytes] = []

    def reading(answer: bytes) -> int:
        read.append(answer)
        return len(answer)

    last = LastAnswer(reading)

    assert [last.of(answer) for answer in (b"", b"", b"ab", b"a" + b"b", b"a", b"ab")] == [0, 0, 2, 2, 1, 2]
    assert read == [b"", b"ab", b"a", b"ab"]
