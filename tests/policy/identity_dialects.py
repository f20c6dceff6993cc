"""The two runtimes whose rules the tests of identities start from; what a test is about it replaces."""

from kubesim.policy.identity import IdentityDialect

CONTAINERD = IdentityDialect(
    algorithm="containerd",
    knows_policy=True,
    numeric_overflow="error",
    includes_primary_gid=True,
    strict_adds_primary_without_user=False,
    skips_own_name_group=True,
    account_file_path="etc/{file}",
    missing_file_error="open {path}: file does not exist",
    account_file_bytes_max=10 << 20,
    group_line_bytes_max=None,
    account_file_must_be_regular=True,
    account_file_links="last-absolute",
    account_files_root="",
    home_newline_check="none",
    generates_passwd_line=False,
    generates_group_line=False,
)
CRIO = IdentityDialect(
    algorithm="cri-o",
    knows_policy=True,
    numeric_overflow="error",
    includes_primary_gid=True,
    strict_adds_primary_without_user=True,
    skips_own_name_group=False,
    account_file_path="/etc/{file}",
    missing_file_error="open {path}: no such file or directory",
    account_file_bytes_max=None,
    group_line_bytes_max=None,
    account_file_must_be_regular=False,
    account_file_links="rooted",
    account_files_root="/root",
    home_newline_check="newline",
    generates_passwd_line=True,
    generates_group_line=True,
)
