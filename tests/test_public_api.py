"""The public names: complete, light to import, and as the contract writes them."""

import inspect
import subprocess
import sys
import textwrap

import pytest

import kubesim


def run_python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def test_the_public_list_is_complete() -> None:
    assert sorted(kubesim.__all__) == kubesim.__all__
    assert all(getattr(kubesim, name) is not None for name in kubesim.__all__)
    assert set(kubesim.__all__) <= set(dir(kubesim))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'kubesim' has no attribute 'nonsense'"):
        _ = kubesim.nonsense


@pytest.mark.parametrize("module", ["grpc", "google.protobuf", "msgspec", "yaml", "asyncio", "h2"])
def test_importing_kubesim_loads_nothing_heavy(module: str) -> None:
    assert run_python(f"import sys, kubesim; print({module!r} in sys.modules)") == "False\n"


@pytest.mark.parametrize(
    "use",
    [
        "kubesim.resolve_identity(passwd='', group='', run_as_user=1)",
        "kubesim.feature_gates('1.33')",
        "kubesim.group_by_priority([], [])",
        "kubesim.Node(seed=1).start()",
    ],
)
def test_nothing_of_the_api_loads_grpc(use: str) -> None:
    loaded = run_python(
        f"import sys, kubesim; {use}; print([n for n in ('grpc', 'asyncio', 'h2') if n in sys.modules])"
    )
    assert loaded == "[]\n"


def test_the_help_of_the_command_line_is_light() -> None:
    code = """
        import sys
        from kubesim.cli import main
        try:
            main(["--help"])
        except SystemExit:
            pass
        print([name for name in ("grpc", "google.protobuf", "msgspec", "yaml") if name in sys.modules])
    """
    assert run_python(code).splitlines()[-1] == "[]"


def test_resolve_identity_as_in_the_contract() -> None:
    who = kubesim.resolve_identity(
        passwd="root:x:0:0::/:/bin/sh\nuser-defined-in-image:x:1000:1000::/:/bin/sh\n",
        group="user-defined-in-image:x:1000:\ngroup-defined-in-image:x:50000:user-defined-in-image\n",
        image_user="",
        run_as_user=1000,
        run_as_username="",
        run_as_group=3000,
        supplemental_groups=[4000],
        policy="Merge",
        profile="containerd-2.3",
    )

    assert (who.uid, who.gid, who.supplemental_groups) == (1000, 3000, (3000, 4000, 50000))
    (step,) = who.why(50000)
    assert (step.file, step.line) == ("/etc/group", 2)


def test_a_refusal_has_the_runtimes_own_message() -> None:
    with pytest.raises(kubesim.IdentityError, match=r"no users found"):
        kubesim.resolve_identity(passwd="", group="", run_as_username="ghost")


def test_an_unknown_profile_names_the_known_ones() -> None:
    with pytest.raises(kubesim.InputError, match=r"unknown profile 'containerd-9'.*containerd-2\.3"):
        kubesim.resolve_identity(passwd="", group="", profile="containerd-9")


def test_shutdown_functions_as_in_the_contract() -> None:
    periods = kubesim.migrate_shutdown_config(requested_seconds=300, critical_seconds=120)

    assert periods == [(0, 180), (2_000_000_000, 120)]
    assert kubesim.migrate_shutdown_config(requested_seconds=0, critical_seconds=0) == []
    assert kubesim.group_by_priority([(0, 20), (1000, 10)], [("a", -5), ("b", 999), ("c", 1000), ("d", None)]) == [
        (0, 20, ["a", "b", "d"]),
        (1000, 10, ["c"]),
    ]
    assert kubesim.preshutdown_order(existing=["x", "b", "y", "c", "z"], dependencies=["a", "b", "c", "d"]) == (
        ["x", "kubelet", "b", "y", "c", "z", "a", "d"]
    )


def test_feature_gates_as_in_the_contract() -> None:
    gate = kubesim.feature_gates("1.33")["SupplementalGroupsPolicy"]

    assert (gate.stage, gate.default, gate.locked) == ("Beta", True, False)


def test_the_node_takes_what_the_contract_says() -> None:
    wanted = ["os", "kubelet_version", "profile", "cgroup_driver", "config", "images", "seed"]
    parameters = inspect.signature(kubesim.Node).parameters

    assert [name for name in wanted if name not in parameters] == []
    methods = [
        "apply", "advance", "pod", "status", "configz", "metrics", "exec", "delete", "shutdown", "cancel_shutdown",
        "restart_kubelet", "restart_runtime", "journal", "events", "timeline",
    ]  # fmt: skip
    assert [name for name in methods if not hasattr(kubesim.Node, name)] == []


def test_what_a_node_raises_can_be_caught_by_public_names() -> None:
    config = {"kubeReserved": {"cpu": "100"}}
    with pytest.raises(kubesim.KubeletStartError, match="invalid Node Allocatable"), kubesim.Node(config=config):
        pass
    with kubesim.Node() as node, pytest.raises(kubesim.CriError, match="not found"):
        node.call("ContainerStatus", {"container_id": "f0"})
    assert issubclass(kubesim.KubeletStartError, kubesim.KubesimError)
    assert issubclass(kubesim.CriError, kubesim.KubesimError)
