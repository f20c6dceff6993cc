"""Applets that follow a file, wait, or know what time it is."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubesim.userland.time_format import LocalTime, format_time
from kubesim.userland.time_zone import parse_zone

if TYPE_CHECKING:
    from conftest import World


def test_tail_follows_a_name_to_the_next_file(world: World) -> None:
    world.files.as_root().write("/tmp/log", b"old\n")
    follower = world.start("tail", "-F", "-s", "2", "/tmp/log")
    world.advance(1)
    world.sh("mv /tmp/log /tmp/log.1")
    world.advance(3)
    world.sh("echo new > /tmp/log")
    world.advance(4)

    assert (follower.out, follower.code) == ("old\nnew\n", None)
    assert "tail: /tmp/log has been renamed or deleted: No such file or directory\n" in follower.err
    assert follower.err.endswith("tail: /tmp/log has been replaced; following end of new file\n")


def test_tail_waits_for_a_file_to_appear(world: World) -> None:
    follower = world.start("tail", "-F", "/tmp/later")
    world.advance(3)
    world.sh("echo here > /tmp/later")
    world.advance(2)

    assert follower.out == "here\n"
    assert follower.err == (
        "tail: can't open '/tmp/later': No such file or directory\n"
        "tail: /tmp/later has appeared; following end of new file\n"
    )


def test_tail_begins_again_when_a_file_was_cut(world: World) -> None:
    world.files.as_root().write("/tmp/log", b"first line\n")
    follower = world.start("tail", "-f", "/tmp/log")
    world.advance(1)
    world.sh("echo x > /tmp/log")
    world.advance(2)

    assert follower.out == "first line\nx\n"


def test_what_a_pipe_brings_is_shown_before_the_next_wait(world: World) -> None:
    command = world.start("sh", "-c", "(echo one; sleep 100) | grep n | cut -c1-3 | tr n N | tee /tmp/copy")
    world.advance(1)

    assert (command.out, command.code) == ("oNe\n", None)


def test_usleep_sleeps_microseconds(world: World) -> None:
    start_ns = world.kernel.now_ns
    world.run("usleep", "2500")

    assert world.kernel.now_ns - start_ns == 2_500_000


def test_the_time_is_that_of_the_zone(world: World) -> None:
    assert world.sh("TZ=IST-5:30 date").out == "Thu Jan  1 05:30:00 IST 2026\n"
    assert world.run("date", "-R").out == "Thu, 01 Jan 2026 00:00:00 +0000\n"
    refused = world.run("date", "-s", "2020-01-01 00:00")
    assert (refused.out, refused.err, refused.code) == (
        "Wed Jan  1 00:00:00 UTC 2020\n",
        "date: can't set date: Operation not permitted\n",
        0,
    )
    old_form = world.run("date", "010203042021.05")
    assert (old_form.out, old_form.code) == ("Sat Jan  2 03:04:05 UTC 2021\n", 0)


def test_the_time_of_a_file_is_shown(world: World) -> None:
    world.sh("touch -d '2020-02-03 04:05:06' /tmp/f")

    assert world.run("date", "-r", "/tmp/f").out == "Mon Feb  3 04:05:06 UTC 2020\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Europe/Berlin", "CET-1CEST,M3.5.0,M10.5.0/3"),
        ("Pacific/Auckland", "NZST-12NZDT,M9.5.0,M4.1.0/3"),
        ("America/New_York", "EST5EDT"),
        ("Asia/Kolkata", "IST-5:30"),
    ],
)
@settings(max_examples=200, deadline=None)
@given(seconds=st.integers(min_value=1_230_768_000, max_value=1_830_000_000))
def test_a_zone_that_is_written_out_agrees_with_its_file(name: str, text: str, seconds: int) -> None:
    from datetime import datetime

    try:
        moment = datetime.fromtimestamp(seconds, ZoneInfo(name))
    except ZoneInfoNotFoundError:
        pytest.skip("this machine has no zoneinfo")
    offset = moment.utcoffset()

    assert offset is not None
    assert parse_zone(text).at(seconds) == (int(offset.total_seconds()), moment.tzname())


@settings(max_examples=200, deadline=None)
@given(seconds=st.integers(min_value=-10_000_000_000, max_value=100_000_000_000))
def test_times_are_formatted_as_python_does(seconds: int) -> None:
    moment = LocalTime(seconds=seconds)
    text = "%a %A %b %B %d %H %I %j %m %M %p %S %U %w %W %y %V %u"

    assert format_time(moment, text) == moment.wall.strftime(text)


@pytest.mark.parametrize(
    ("script", "out"),
    [
        ("sed 's/1/2/g' | wc -l", "50000\n"),
        ("sed ':a;N;$!ba;s/\\n/,/g' | wc -c", "288894\n"),
        ("grep -v 0 | cut -c1-3 | uniq -c | sort -rn | tac | wc -l", "1872\n"),
        ("tac | fold -w 3 | nl | tail -n 1", " 99001\t1\n"),
    ],
)
def test_what_streams_takes_no_virtual_time(world: World, script: str, out: str) -> None:
    start_ns = world.kernel.now_ns
    command = world.sh(f"seq 50000 | {script}", seconds=3600)

    assert command.out == out
    assert world.kernel.now_ns - start_ns < 1_000_000_000
