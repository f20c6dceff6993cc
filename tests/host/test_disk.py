"""The disk of the machine."""

import pytest

from kubesim.errors import InputError
from kubesim.host.disk import Disk

GI = 1024**3


def disk(images_bytes: int = 0) -> Disk:
    return Disk(capacity_bytes=100 * GI, images_bytes=lambda: images_bytes)


@pytest.mark.parametrize(("amount", "left"), [("0", 100), ("70Gi", 30), ("70%", 30), ("100%", 0), ("0%", 100)])
def test_other_files(amount, left):
    found = disk()
    found.fill(amount)
    assert found.usage("/var/lib") == (100 * GI, left * GI)


def test_images_take_room_too():
    found = disk(20 * GI)
    found.fill("70Gi")
    assert found.usage("/") == (100 * GI, 10 * GI)
    found.fill("90Gi")
    assert found.usage("/") == (100 * GI, 0)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("101Gi", "101Gi do not fit; the disk has 107374182400 bytes"),
        ("101%", "101% do not fit"),
        ("-1", "-1 do not fit"),
        ("7.5%", "'7.5%' is no part of the disk; give whole per cent"),
        ("70%x", "is no part of the disk"),
        ("much", "much"),
    ],
)
def test_refused(amount, text):
    with pytest.raises(InputError) as caught:
        disk().fill(amount)
    assert text in str(caught.value)
