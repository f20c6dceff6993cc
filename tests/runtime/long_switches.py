"""What is too long for the tables of `test_profile_tables`."""

from __future__ import annotations

from typing import Any

LONG: dict[tuple[str, str], dict[str, Any]] = {
    ("containerd", "imageVolumes.errorPrefix"): {
        "1.6": "",
        "2.1": "failed to mount image volume: ",
        "2.2": "failed to mount image volume: ImageVolumeMountFailed: ",
    },
    ("containerd", "identity.accountFilePath"): {
        "1.6": "/var/lib/containerd/tmpmounts/containerd-mount2386521476/etc/{file}",
        "2.2": "etc/{file}",
    },
    ("containerd", "identity.missingFileError"): {
        "1.6": "open {path}: no such file or directory",
        "1.7": "stat {path}: no such file or directory",
        "2.2": "openat {path}: no such file or directory",
        "2.3": "lstat {path}: file does not exist",
    },
    ("containerd", "identity.accountFilesRoot"): {
        "1.6": "/var/lib/containerd/tmpmounts/containerd-mount2386521476",
        "2.3": "",
    },
    ("containerd", "statistics.metricGroups"): {
        "1.6": (),
        "2.2": ("cpu", "disk", "diskIO", "memory", "network", "oom", "process", "spec"),
    },
    ("cri-o", "sandboxes.requiredMetadata"): {"1.28": ("name", "namespace"), "1.29": ("name", "namespace", "uid")},
    ("cri-o", "imageVolumes.subPath"): {"1.28": "ignored", "1.33": "overlay"},
    ("cri-o", "imageVolumes.errorPrefix"): {"1.28": "", "1.31": "mount image: ", "1.33": "ImageVolumeMountFailed: "},
    ("cri-o", "imageVolumes.artifactNames"): {
        "1.28": ("org.opencontainers.image.title", "org.cnai.model.filepath"),
        "1.34": ("org.opencontainers.image.title", "org.cncf.model.filepath"),
    },
    ("cri-o", "images.pullError"): {
        "1.28": "image-only",
        "1.33": "image-or-artifact",
        "1.35": "image-or-artifact-unless-network",
    },
    ("cri-o", "containers.infoKeys"): {
        "1.28": ("sandboxID", "pid", "runtimeSpec", "privileged"),
        "1.30": ("sandboxID", "pid", "runtimeSpec", "privileged", "checkpointedAt", "restored"),
    },
    ("cri-o", "statistics.metricGroups"): {
        "1.28": (),
        "1.30": ("cpu", "disk", "diskIO", "hugetlb", "memory", "network", "oom", "process", "spec"),
        "1.36": ("cpu", "disk", "diskIO", "hugetlb", "memory", "network", "oom", "pressure", "process", "spec"),
    },
    ("containerd", "wording.containerNameReserved"): {
        "1.6": "failed to reserve container name {name!q}: name {name!q} is reserved for {holder!q}",
        "2.1": "failed to reserve container name {name!q}; check if another CreateContainer request is in progress: "
        "name {name!q} is reserved for {holder!q}",
    },
    ("containerd", "wording.createInStoppedSandbox"): {
        "1.6": "failed to get sandbox container task: no running task found: task {id} not found: not found",
        "2.2": "sandbox container {id!q} is not running",
    },
    ("containerd", "wording.pauseImageMissing"): {
        "1.6": "failed to get sandbox image {image!q}: failed to pull image {image!q}: {reason}",
        "2.0": "failed to start sandbox {id!q}: failed to get sandbox image {image!q}: failed to pull image "
        "{image!q}: {reason}",
        "2.3": "failed to pull image {image!q}: {reason}",
    },
    ("containerd", "wording.taskErrorEnd"): {"1.6": ": unknown", "2.0": ""},
    ("cri-o", "wording.execInStopped"): {
        "1.28": "container is not created or running",
        "1.35": "rpc error: code = NotFound desc = container is not created or running: checking if PID of {id} is "
        "running failed: {detail}",
    },
    ("cri-o", "wording.pauseImageMissing"): {"1.28": "creating pod sandbox with name {name!q}: {reason}"},
    ("cri-o", "wording.relativeLogDirectory"): {
        "1.28": "requested logDir for sbox ID {id} is a relative path: {path}",
        "1.32": "requested logDir for sbuilder ID {id} is a relative path: {path}",
    },
    ("cri-o", "wording.sandboxNameMissing"): {
        "1.28": "setting sandbox config: PodSandboxConfig.Metadata.Name should not be empty",
        "1.29": "setting sandbox config: metadata.Name should not be empty",
    },
    ("containerd", "status.conditions"): {
        "1.6": ("RuntimeReady", "NetworkReady", "ContainerdHasNoDeprecationWarnings")
    },
    ("cri-o", "status.conditions"): {"1.28": ("RuntimeReady", "NetworkReady")},
    ("containerd", "status.infoKeys"): {
        "1.6": ("config", "golang", "cniconfig", "lastCNILoadStatus.default", "lastCNILoadStatus")
    },
    ("cri-o", "status.infoKeys"): {"1.28": ("config",)},
}
"""What is too long for a table: by runtime and key, each value with the first version that has it."""
