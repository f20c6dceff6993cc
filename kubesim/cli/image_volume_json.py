"""Image volumes as JSON for programs. Keys are only ever added; `kubesim explain image-volume --help` lists them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubesim.cli.identity_json import refusal_json, switches_json

if TYPE_CHECKING:
    from kubesim.node.image_volume_compared import ComparedVolume
    from kubesim.node.image_volume_explained import ExplainedVolume
    from kubesim.policy.image_volume_steps import VolumeStep

VOLUME_KEYS = """\
JSON (-o json): a list with an object for each mount of an image volume
  pod, container, kind     namespace/name of the pod, and the container as in explain identity
  volume, mountPath, reference, pullPolicy
  profile, kubeletVersion
  refusal                  null, or {by: API server, kubelet or runtime, reason, message}: nothing is mounted then
  subPath                  as the kubelet sends it, variables replaced; null for none
  imageID, isArtifact      as the runtime calls the image; null when it does not come to the node
  source                   what of the image lies there: / or the sub path with links followed; null for nothing
  links                    the links that the sub path follows: {path, target}
  entries                  the top level: {name, kind, mode, uid, gid, sizeBytes, target}
  readOnly                 true; null where nothing is mounted
  status                   null, or {image, imageRef} of ContainerStatus; no imageRef is no digest in the status
  trace                    the decisions in order: {by: kubelet or runtime, rule, outcome: sent, mounted, left-out,
                           refused or note, file, line, text}

JSON with two profiles: a list with an object for each mount
  pod, container, kind, volume, mountPath, reference
  change                   same; status: shown otherwise; content: something else is mounted; refused: only after;
                           allowed: only before; message: both refuse, not in the same words
  before, after            as without a second profile
  onlyBefore, onlyAfter    the steps that only one profile makes
  switches                 what in the profiles decides: {key, before, after, whyBefore, whyAfter}
"""


def volume_json(one: ExplainedVolume) -> dict[str, Any]:
    """One mount under one profile."""
    return {
        "pod": one.pod,
        "container": one.container,
        "kind": one.kind,
        "volume": one.volume,
        "mountPath": one.mount_path,
        "reference": one.reference,
        "pullPolicy": one.pull_policy,
        "profile": one.profile,
        "kubeletVersion": one.kubelet_version,
        "refusal": refusal_json(one.refusal),
        "subPath": one.sub_path or None,
        "imageID": one.image_id or None,
        "isArtifact": one.is_artifact,
        "source": one.source or None,
        "links": [{"path": link.path, "target": link.target} for link in one.links],
        "entries": [
            {
                "name": entry.name,
                "kind": entry.kind,
                "mode": f"{entry.mode:04o}",
                "uid": entry.uid,
                "gid": entry.gid,
                "sizeBytes": entry.size_bytes,
                "target": entry.target or None,
            }
            for entry in one.entries
        ],
        "readOnly": True if one.source else None,
        "status": {"image": one.status_image, "imageRef": one.status_image_ref or None} if one.status_image else None,
        "trace": [_step(step) for step in one.steps],
    }


def compared_volume_json(one: ComparedVolume) -> dict[str, Any]:
    """One mount under two profiles."""
    before = one.before
    return {
        "pod": before.pod,
        "container": before.container,
        "kind": before.kind,
        "volume": before.volume,
        "mountPath": before.mount_path,
        "reference": before.reference,
        "change": one.change,
        "before": volume_json(before),
        "after": volume_json(one.after),
        "onlyBefore": [_step(step) for step in one.only_before],
        "onlyAfter": [_step(step) for step in one.only_after],
        "switches": switches_json(one.switches),
    }


def _step(step: VolumeStep) -> dict[str, Any]:
    return {
        "by": step.by,
        "rule": step.rule,
        "outcome": step.outcome,
        "file": step.file or None,
        "line": step.line,
        "text": step.text,
    }
