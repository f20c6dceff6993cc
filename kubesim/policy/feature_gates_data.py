"""The table of kubelet feature gates, one row per gate, one cell per version.

Cell: stage and default. A alpha, B beta, G general availability (GA), D deprecated; `+` on by default, `-` off by
default; `L` locked to its default; `.` the gate does not exist in that version.

Mirrors kubelet: pkg/features/kube_features.go and staging/src/k8s.io/apiserver/pkg/features/kube_features.go (the
versioned gate specs) and the dependency map of the former.
"""

from __future__ import annotations

from collections.abc import Mapping

VERSIONS = ("1.28", "1.29", "1.30", "1.31", "1.32", "1.33", "1.34", "1.35", "1.36")

# fmt: off
CELLS: Mapping[str, str] = {
    # Areas A-C: status, lifecycle, probes
    "ContainerRestartRules":                             ".   .   .   .   .   .   A-  B+  B+",
    "RestartAllContainersOnContainerExits":              ".   .   .   .   .   .   .   A-  B+",
    "SidecarContainers":                                 "A-  B+  B+  B+  B+  G+L G+L G+L G+L",
    "PodReadyToStartContainersCondition":                "A-  B+  B+  B+  B+  B+  B+  B+  B+",
    "PodObservedGenerationTracking":                     ".   .   .   .   .   A-  B+  G+L G+L",
    "ChangeContainerStatusOnKubeletRestart":             "G+  G+  G+  G+  G+  G+  G+  D-  D-",
    "KubeletCrashLoopBackOffMax":                        ".   .   .   .   A-  A-  A-  B+  B+",
    "ReduceDefaultCrashLoopBackOffDecay":                ".   .   .   .   .   A-  A-  A-  A-",
    "PodLifecycleSleepAction":                           ".   A-  B+  B+  B+  B+  G+L G+L G+L",
    "PodLifecycleSleepActionAllowZero":                  ".   .   .   .   A-  B+  G+L G+L G+L",
    "ContainerStopSignals":                              ".   .   .   .   .   A-  A-  A-  A-",
    "ExecProbeTimeout":                                  "G+  G+  G+  G+  G+  G+  G+  G+L G+L",
    "EventedPLEG":                                       "A-  A-  A-  A-  A-  A-  A-  A-  A-",
    "PLEGOnDemandRelist":                                ".   .   .   .   .   .   .   .   B+",
    "CRIListStreaming":                                  ".   .   .   .   .   .   .   .   A-",
    "RecursiveReadOnlyMounts":                           ".   .   A-  B+  B+  G+L G+L G+L G+L",
    "InPlacePodVerticalScaling":                         "A-  A-  A-  A-  A-  B+  B+  G+L G+L",
    "InPlacePodVerticalScalingInitContainers":           ".   .   .   .   .   .   .   .   B+",
    "InPlacePodLevelResourcesVerticalScaling":           ".   .   .   .   .   .   .   A-  B+",
    "InPlacePodVerticalScalingExclusiveCPUs":            ".   .   .   .   A-  A-  A-  A-  A-",
    "PodLevelResources":                                 ".   .   .   .   A-  A-  B+  B+  B+",
    "PodLevelResourceManagers":                          ".   .   .   .   .   .   .   .   A-",
    "HostnameOverride":                                  ".   .   .   .   .   .   A-  B+  B+",
    "EnvFiles":                                          ".   .   .   .   .   .   A-  B+  B+",
    "NodeDeclaredFeatures":                              ".   .   .   .   .   .   .   A-  B+",
    # Areas D-F: identity, images, cgroup driver
    "SupplementalGroupsPolicy":                          ".   .   .   A-  A-  B+  B+  G+L G+L",
    "UserNamespacesSupport":                             "A-  A-  B-  B-  B-  B+  B+  B+  G+L",
    "UserNamespacesHostNetworkSupport":                  ".   .   .   .   .   .   .   A-  A-",
    "ProcMountType":                                     "A-  A-  A-  B-  B-  B+  B+  B+  G+L",
    "ImageVolume":                                       ".   .   .   A-  A-  B-  B-  B+  G+L",
    "ImageVolumeWithDigest":                             ".   .   .   .   .   .   .   A-  A-",
    "RuntimeClassInImageCriAPI":                         ".   A-  A-  A-  A-  A-  A-  A-  A-",
    "KubeletEnsureSecretPulledImages":                   ".   .   .   .   .   A-  A-  B+  B+",
    "KubeletServiceAccountTokenForCredentialProviders":  ".   .   .   .   .   A-  B+  B+  B+",
    "ImageMaximumGCAge":                                 ".   A-  B+  B+  B+  B+  B+  G+L G+L",
    "KubeletSeparateDiskGC":                             ".   A-  A-  B+  B+  B+  B+  B+  B+",
    "KubeletCgroupDriverFromCRI":                        "A-  A-  A-  B+  B+  B+  G+L G+L G+L",
    # Areas G-H: shutdown
    "GracefulNodeShutdown":                              "B+  B+  B+  B+  B+  B+  B+  B+  B+",
    "GracefulNodeShutdownBasedOnPodPriority":            "B+  B+  B+  B+  B+  B+  B+  B+  B+",
    "WindowsGracefulNodeShutdown":                       ".   .   .   .   A-  A-  B+  B+  B+",
    # Area I: CPU, health, env, streaming, node
    "CPUManagerPolicyOptions":                           "B+  B+  B+  B+  B+  G+L G+L G+L G+L",
    "CPUManagerPolicyAlphaOptions":                      "A-  A-  A-  A-  A-  A-  A-  A-  A-",
    "CPUManagerPolicyBetaOptions":                       "B+  B+  B+  B+  B+  B+  B+  B+  B+",
    "DisableCPUQuotaWithExclusiveCPUs":                  ".   .   .   .   .   B+  B+  B+  D+",
    "CPUCFSQuotaPeriod":                                 "A-  A-  A-  A-  A-  A-  A-  A-  G+",
    "WindowsCPUAndMemoryAffinity":                       ".   .   .   .   A-  A-  A-  A-  A-",
    "TopologyManagerPolicyOptions":                      "B+  B+  B+  B+  G+L G+L G+L G+L G+L",
    "DynamicResourceAllocation":                         "A-  A-  A-  A-  B-  B-  G+  G+L G+L",
    "ResourceHealthStatus":                              ".   .   .   A-  A-  A-  A-  A-  B+",
    "ResourceHealthStatusMessage":                       ".   .   .   .   .   .   .   .   B+",
    "RelaxedEnvironmentVariableValidation":              ".   .   A-  A-  B+  B+  G+L G+L G+L",
    "TranslateStreamCloseWebsocketRequests":             ".   A-  B+  B+  B+  B+  B+  B+  B+",
    "PortForwardWebsockets":                             ".   .   A-  B+  B+  B+  B+  B+  B+",
    "ExtendWebSocketsToKubelet":                         ".   .   .   .   .   .   .   .   B+",
    "PodLogsQuerySplitStreams":                          ".   .   .   .   A-  A-  A-  A-  A-",
    "PodAndContainerStatsFromCRI":                       "A-  A-  A-  A-  A-  A-  A-  A-  A-",
    "SystemdWatchdog":                                   ".   .   .   .   B+  B+  B+  G+L G+L",
    "NodeSwap":                                          "B-  B-  B+  B+  B+  B+  G+L G+L G+L",
}
# fmt: on

# A gate that is on needs all of these on, otherwise the kubelet does not start.
DEPENDENCIES: Mapping[str, tuple[str, ...]] = {
    "RestartAllContainersOnContainerExits": ("ContainerRestartRules", "NodeDeclaredFeatures"),
    "ImageVolumeWithDigest": ("ImageVolume",),
    "ResourceHealthStatus": ("DynamicResourceAllocation",),
    "ResourceHealthStatusMessage": ("ResourceHealthStatus",),
    "GracefulNodeShutdownBasedOnPodPriority": ("GracefulNodeShutdown",),
    "WindowsGracefulNodeShutdown": ("GracefulNodeShutdown",),
    "InPlacePodVerticalScalingInitContainers": ("InPlacePodVerticalScaling", "NodeDeclaredFeatures"),
    "InPlacePodLevelResourcesVerticalScaling": (
        "InPlacePodVerticalScaling",
        "PodLevelResources",
        "NodeDeclaredFeatures",
    ),
    "InPlacePodVerticalScalingExclusiveCPUs": ("InPlacePodVerticalScaling",),
    "PodLevelResourceManagers": ("PodLevelResources",),
    "PodLifecycleSleepActionAllowZero": ("PodLifecycleSleepAction",),
    "ExtendWebSocketsToKubelet": ("NodeDeclaredFeatures",),
    "UserNamespacesHostNetworkSupport": ("UserNamespacesSupport", "NodeDeclaredFeatures"),
}
