"""Middleware: things that wrap a `Cri` and are a `Cri` again, so they stack in any order.

    journal   writes down every call: when, what was asked, what was answered

Rejected: hooks inside the runtime. A journal that wraps the protocol sees containerd's calls as well as ours.
"""
