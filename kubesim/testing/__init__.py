"""Public test tools: a pytest plugin with a `kubesim_node` fixture, and `.txt` golden files that can be rewritten.

The plugin module imports only pytest: it is loaded in every pytest run of whoever installed kubesim.
"""
