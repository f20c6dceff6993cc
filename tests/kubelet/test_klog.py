"""Log lines."""

from kubesim.kernel import Kernel
from kubesim.kubelet.klog import LINES_MAX, Klog


def test_lines_are_written_as_klog_writes_them() -> None:
    klog = Klog(Kernel(start_ns=7))
    klog.info("Using cgroup driver setting received from the CRI runtime", cgroupDriver="cgroupfs")
    klog.info("plain", number=20, flag=True, items=["a/b"], text='say "hi"\n')
    klog.error("failed", err="boom", pod="default/web")
    klog.error("empty")

    assert klog.texts() == [
        'I "Using cgroup driver setting received from the CRI runtime" cgroupDriver="cgroupfs"',
        r'I "plain" number=20 flag=true items=["a/b"] text="say \"hi\"\n"',
        'E "failed" err="boom" pod="default/web"',
        'E "empty"',
    ]
    assert {line.time_ns for line in klog.lines} == {7}


def test_a_higher_verbosity_is_kept_but_shown_only_on_request() -> None:
    klog = Klog(Kernel())
    klog.info("detail", verbosity=3)

    assert (klog.texts(), klog.texts(verbosity=3), len(klog.lines)) == ([], ['I "detail"'], 1)


def test_the_memory_is_bounded() -> None:
    klog = Klog(Kernel())
    for number in range(LINES_MAX + 1):
        klog.info("line", verbosity=0, n=number)

    assert klog.lines[0].values == {"n": 1}
