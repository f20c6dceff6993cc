"""Middleware: things that wrap a `Cri` and are a `Cri` again, so they stack in any order.

    deadlines gives each call the time that a kubelet's client waits
    journal   writes down every call: when, what was asked, what was answered

Rejected: hooks inside the runtime. A journal that wraps the protocol sees containerd's calls as well as ours.
"""
