"""The runtime: what containerd or CRI-O does behind the CRI, on emulated processes.

`service.Runtime` implements the `Cri` protocol: one RPC, one handler. A handler is a coroutine that takes the daemon
(what a runtime holds: stores, profile, clock) and the request, and gives the answer or raises a `CriError` with the
text of the runtime that is impersonated.

Vocabulary
    daemon      the stores and settings that all handlers share; named for containerd and crio, which are daemons
    sandbox     the pod as a runtime knows it: namespaces, an IP address, files such as /etc/hosts
    container   one container of a sandbox, with its life (a transition table) and its processes
    profile     which runtime and version is impersonated: a table of switches (`policy/runtime_profile`, `profiles/`)
    switch      one field of a profile; a handler asks it, and never which runtime this is
    refusal     a reason to say no, with each runtime's words for it: a row of `sandbox_refusals`, `container_refusals`
                or `image_refusals`
    timings     how long each step takes in the kernel's time: nothing when serving, measured figures in virtual runs

Rules of the room
    1. Every change of state is a row of a table (`container_state`, `sandbox_state`); what a client sees is derived.
    2. An object appears in a store only when its RPC is about to succeed. What was half made is undone, whether the
       handler failed or was cancelled.
    3. No words of a runtime outside the `*_refusals` and `policy/`; no test of a profile's name or family anywhere.
       The switch `texts` stands for words and their codes alone; what is checked, and in which order, others say.
    4. Only processes, logs and binds touch `HostFiles`. The daemon's own files live in memory.

Rejected: one class with 43 methods. containerd's own layout, one file for one RPC, is found faster and stays small.
Rejected: state as flags beside each other (`is_starting`, `is_removing`, `is_stopped`). Two flags give four states, and
only three of them are legal.
Rejected: stopping the world with locks. A handler that does not sleep cannot be interrupted, so only the steps around
a sleep look again at what they found before it.
"""
