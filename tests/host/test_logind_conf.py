"""Which InhibitDelayMaxSec is in force."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubesim.errors import InputError
from kubesim.host.logind_conf import (
    DROP_IN_DIRECTORIES,
    INFINITY_USEC,
    MAIN_FILE,
    drop_in_path,
    files_in_order,
    inhibit_delay_max,
    parse_time_span,
)

ETC, RUN, LOCAL, USR = DROP_IN_DIRECTORIES


def login(value: str) -> str:
    return f"[Login]\nInhibitDelayMaxSec={value}\n"


@pytest.mark.parametrize(
    ("text", "usec"),
    [
        ("30", 30_000_000),
        ("30s", 30_000_000),
        ("1min 30s", 90_000_000),
        ("1min30s", 90_000_000),
        ("5 min", 300_000_000),
        ("2m", 120_000_000),
        ("0.5h", 1_800_000_000),
        ("1.25s", 1_250_000),
        ("500ms", 500_000),
        ("20us", 20),
        ("1d", 86_400_000_000),
        ("1week", 604_800_000_000),
        ("1month", 2_629_800_000_000),
        ("1y", 31_557_600_000_000),
        ("infinity", INFINITY_USEC),
        (" 7 ", 7_000_000),
        ("0", 0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("30 parsecs", None),
        ("5s later", None),
    ],
)
def test_time_spans_are_read_as_systemd_reads_them(text: str, usec: int | None) -> None:
    assert parse_time_span(text) == usec


@given(st.integers(0, 10**9), st.integers(0, 59), st.integers(0, 999))
def test_a_time_span_is_the_sum_of_its_terms(minutes: int, seconds: int, millis: int) -> None:
    expected = (minutes * 60 + seconds) * 10**6 + millis * 1000
    assert parse_time_span(f"{minutes}min {seconds}s {millis}ms") == expected


def test_without_files_the_compiled_in_default_holds() -> None:
    setting = inhibit_delay_max({}, default_usec=5_000_000)

    assert (setting.value_usec, setting.path) == (5_000_000, "")


def test_drop_ins_of_all_directories_are_sorted_by_file_name_after_the_main_file() -> None:
    files = {
        f"{ETC}/90-b.conf": "",
        f"{USR}/99-a.conf": "",
        f"{RUN}/10-z.conf": "",
        f"{LOCAL}/unattended-upgrades-logind-maxdelay.conf": "",
        MAIN_FILE: "",
    }
    assert files_in_order(files) == [
        MAIN_FILE,
        f"{RUN}/10-z.conf",
        f"{ETC}/90-b.conf",
        f"{USR}/99-a.conf",
        f"{LOCAL}/unattended-upgrades-logind-maxdelay.conf",
    ]


def test_the_last_file_name_wins() -> None:
    files = {f"{ETC}/99-kubelet.conf": login("60"), f"{USR}/unattended-upgrades-logind-maxdelay.conf": login("30")}

    setting = inhibit_delay_max(files, default_usec=5_000_000)

    assert (setting.value_usec, setting.path) == (30_000_000, f"{USR}/unattended-upgrades-logind-maxdelay.conf")


def test_a_drop_in_of_higher_rank_hides_its_namesake() -> None:
    files = {f"{USR}/zz.conf": login("30"), f"{RUN}/zz.conf": login("20")}
    assert inhibit_delay_max(files, default_usec=0).value_usec == 20_000_000

    masked = {**files, f"{ETC}/zz.conf": ""}
    assert inhibit_delay_max(masked, default_usec=7).value_usec == 7


def test_only_the_login_section_and_the_exact_key_count_and_comments_do_not() -> None:
    text = (
        "InhibitDelayMaxSec=1\n[Manager]\nInhibitDelayMaxSec=2\n[Login]\n# InhibitDelayMaxSec=3\n"
        "; InhibitDelayMaxSec=4\ninhibitdelaymaxsec=5\nInhibitDelayMaxSec\n InhibitDelayMaxSec = 6s \n"
        "InhibitDelayMaxSec=never\n"
    )
    assert inhibit_delay_max({MAIN_FILE: text}, default_usec=9).value_usec == 6_000_000


def test_a_bare_name_lies_in_etc_and_an_unread_place_is_refused() -> None:
    assert drop_in_path("99-kubelet.conf") == f"{ETC}/99-kubelet.conf"
    assert drop_in_path(f"{RUN}/a.conf") == f"{RUN}/a.conf"
    assert drop_in_path(MAIN_FILE) == MAIN_FILE
    for wrong in ("99-kubelet", "/opt/logind.conf.d/a.conf", f"{ETC}/a.conf.bak"):
        with pytest.raises(InputError, match="is no configuration file of logind; logind reads"):
            drop_in_path(wrong)
