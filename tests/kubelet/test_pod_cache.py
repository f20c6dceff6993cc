"""The pod cache: nobody decides on what is older than its own actions."""

from kubesim.kernel import Kernel
from kubesim.kubelet.pod_cache import CacheEntry, PodCache
from kubesim.policy.pod_view import RuntimePod, RuntimeSandbox

POD = RuntimePod(sandboxes=(RuntimeSandbox(id="s", is_ready=True),))


def waiter(kernel: Kernel, cache: PodCache, time_ns: int) -> list[CacheEntry]:
    got: list[CacheEntry] = []

    async def wait() -> None:
        got.append(await cache.newer_than("a", time_ns))

    kernel.spawn(wait(), name="waiter")
    return got


def test_a_waiter_gets_only_what_is_newer() -> None:
    kernel, cache = Kernel(start_ns=0), PodCache()
    cache.set("a", RuntimePod(), modified_ns=10)
    got = waiter(kernel, cache, 10)
    kernel.run_until_idle()
    assert got == []
    cache.set("a", POD, modified_ns=11)
    kernel.run_until_idle()
    assert [entry.pod for entry in got] == [POD]


def test_a_relist_makes_an_unchanged_entry_new() -> None:
    kernel, cache = Kernel(start_ns=0), PodCache()
    cache.set("a", POD, modified_ns=10)
    got = waiter(kernel, cache, 20)
    cache.relisted(21)
    kernel.run_until_idle()

    assert got[0].pod == POD


def test_a_relist_of_one_pod_makes_its_entry_new_and_no_other() -> None:
    kernel, cache = Kernel(start_ns=0), PodCache()
    for uid in "ab":
        cache.set(uid, POD, modified_ns=10)
    got, other = waiter(kernel, cache, 20), list[CacheEntry]()
    kernel.spawn(_wait_for(cache, "b", other), name="b")
    kernel.run_until_idle()
    cache.observed("a", 21)
    cache.observed("ghost", 21)
    kernel.run_until_idle()

    assert (got[0].pod, other, cache.get("ghost")) == (POD, [], RuntimePod())


async def _wait_for(cache: PodCache, uid: str, got: list[CacheEntry]) -> None:
    got.append(await cache.newer_than(uid, 20))


def test_a_pod_that_the_runtime_does_not_know_is_empty_and_new() -> None:
    kernel, cache = Kernel(start_ns=0), PodCache()
    got = waiter(kernel, cache, -1)
    cache.relisted(5)
    kernel.run_until_idle()

    assert got == [CacheEntry(pod=RuntimePod(), modified_ns=5)]


def test_an_older_answer_does_not_replace_a_newer_one() -> None:
    cache = PodCache()
    cache.set("a", POD, modified_ns=10)
    cache.set("a", RuntimePod(), modified_ns=9)
    assert cache.get("a") == POD
    cache.delete("a")
    assert cache.get("a") == RuntimePod()


def test_what_is_told_of_one_pod_wakes_no_worker_of_another() -> None:
    kernel, cache = Kernel(start_ns=0), PodCache()
    got = {str(number): list[CacheEntry]() for number in range(50)}
    for uid, entries in got.items():
        kernel.spawn(_wait_for(cache, uid, entries), name=uid)
    kernel.run_until_idle()
    fired = kernel.events_fired
    for uid in got:
        cache.set(uid, POD, modified_ns=21)
    kernel.run_until_idle()

    assert kernel.events_fired - fired == len(got)
    assert all(len(entries) == 1 for entries in got.values())
