"""The pytest plugin. Imports only pytest: it is loaded in every pytest run."""
