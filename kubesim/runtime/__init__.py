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
    row         one element of a list's answer, kept serialised: a list is joined, never built (`list_rows`)
    record      what outlives the daemon of one object (`state_records`); `state_restore` makes objects of them again
    change      an object whose record is not kept yet, noted in `state_changes`
    checkpoint  a container as an archive in the host's files, from which another is made (`checkpoint_archive`)
    stream      an Exec, Attach or PortForward: its RPC answers with a URL, and `pending_streams` keeps the request

Rules of the room
    1. Every change of state is a row of a table (`container_state`, `sandbox_state`); what a client sees is derived.
    2. An object appears in a store only when its RPC is about to succeed. What was half made is undone when the handler
       failed; when it was cancelled, the profile says whether it is undone or finished for the retry (`creation`).
    3. No words of a runtime outside the `*_refusals` and `policy/`; no test of a profile's name or family anywhere.
       The switch `texts` stands for words and their codes alone; what is checked, and in which order, others say.
    4. Only processes, logs, binds and checkpoints touch `HostFiles`. The daemon's own files live in memory.
    5. Whatever changes something that outlives the daemon notes it in the same step. Nothing here writes it: a server
       does, before an answer shows it.

Rejected: one class with 43 methods. containerd's own layout, one file for one RPC, is found faster and stays small.
Rejected: state as flags beside each other (`is_starting`, `is_removing`, `is_stopped`). Two flags give four states, and
only three of them are legal.
Rejected: stopping the world with locks. A handler that does not sleep cannot be interrupted, so only the steps around
a sleep look again at what they found before it.
"""
