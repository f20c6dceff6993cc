"""The settings file of `--registries`: how each registry is reached.

    registries:
      docker.io:
        mirrors: [http://127.0.0.1:5000, https://mirror.example/proxy]
      registry.example:5000:
        insecure: true
      127.0.0.1:5000:
        caFile: certificates/own.pem

A key is the host of a registry as image names have it, or of a mirror. What the values must look like beyond their
types is checked in `kubesim.images.registry.settings`.
"""

from __future__ import annotations

from msgspec import Struct, field


class RegistrySpec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """One registry or mirror."""

    mirrors: list[str] = field(default_factory=list)
    """URLs to ask first, in order; what none of them gives comes from the registry itself."""
    insecure: bool = False
    """Do not verify certificates, and do without TLS where the server has none."""
    ca_file: str = ""
    """PEM file of certificates to trust besides those of the system; a relative path starts at the settings file."""


class RegistriesDocument(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    registries: dict[str, RegistrySpec]
