"""Public test tools for whoever tests manifests, policies or controllers against kubesim.

    plugin       the pytest plugin: the fixtures `kubesim_node` and `kubesim_golden`, the option `--kubesim-rewrite`
    golden       compares text with a `.txt` file, and rewrites the file on request
    invariants   what holds for the identity of every container, whatever the pod: checks to call in a test
    pod_lives    what holds for the life of every pod, whatever happens to it: phases, restarts, readiness, what is left
    identity_invariants   what holds for every answer of `kubesim.resolve_identity`

The plugin module imports only pytest: it is loaded in every pytest run of whoever installed kubesim.
"""
