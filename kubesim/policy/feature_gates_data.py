"""The table of the kubelet feature gates that kubesim asks: one row per gate, one cell per version.

Cell: stage and default. A alpha, B beta, G general availability (GA), D deprecated; `+` on by default, `-` off by
default; `L` locked to its default; `.` the gate does not exist in that version; `!` it no longer exists, and what it
switched is always on.

The gates that change nothing here are in `feature_gates_others`, what they need in `feature_gate_dependencies`.

Mirrors kubelet: pkg/features/kube_features.go and staging/src/k8s.io/apiserver/pkg/features/kube_features.go (the
versioned gate specs).
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
    "RecursiveReadOnlyMounts":                           ".   .   A-  B+  B+  G+L G+L G+L G+L",
    "InPlacePodVerticalScaling":                         "A-  A-  A-  A-  A-  B+  B+  G+L G+L",
    "InPlacePodVerticalScalingInitContainers":           ".   .   .   .   .   .   .   .   B+",
    "InPlacePodLevelResourcesVerticalScaling":           ".   .   .   .   .   .   .   A-  B+",
    "InPlacePodVerticalScalingExclusiveCPUs":            ".   .   .   .   A-  A-  A-  A-  A-",
    "InPlacePodVerticalScalingExclusiveMemory":          ".   .   .   .   .   .   A-  A-  A-",
    "PodLevelResources":                                 ".   .   .   .   A-  A-  B+  B+  B+",
    "HostnameOverride":                                  ".   .   .   .   .   .   A-  B+  B+",
    "EnvFiles":                                          ".   .   .   .   .   .   A-  B+  B+",
    "NodeDeclaredFeatures":                              ".   .   .   .   .   .   .   A-  B+",
    "PodHostIPs":                                       "A-  B+  G+L G+L G+L !   !   !   !",
    "PodDisruptionConditions":                          "B+  B+  B+  G+L G+L G+L !   !   !",
    "PreventStaticPodAPIReferences":                    ".   .   .   .   .   .   B+  B+  B+",
    # Areas D-F: identity, images, cgroup driver
    "SupplementalGroupsPolicy":                          ".   .   .   A-  A-  B+  B+  G+L G+L",
    "UserNamespacesSupport":                             "A-  A-  B-  B-  B-  B+  B+  B+  G+L",
    "UserNamespacesHostNetworkSupport":                  ".   .   .   .   .   .   .   A-  A-",
    "ProcMountType":                                     "A-  A-  A-  B-  B-  B+  B+  B+  G+L",
    "ImageVolume":                                       ".   .   .   A-  A-  B-  B-  B+  G+L",
    "ImageVolumeWithDigest":                             ".   .   .   .   .   .   .   A-  A-",
    "KubeletEnsureSecretPulledImages":                   ".   .   .   .   .   A-  A-  B+  B+",
    "ImageMaximumGCAge":                                 ".   A-  B+  B+  B+  B+  B+  G+L G+L",
    "KubeletCgroupDriverFromCRI":                        "A-  A-  A-  B+  B+  B+  G+L G+L G+L",
    # Areas G-H: shutdown
    "GracefulNodeShutdown":                              "B+  B+  B+  B+  B+  B+  B+  B+  B+",
    "GracefulNodeShutdownBasedOnPodPriority":            "B+  B+  B+  B+  B+  B+  B+  B+  B+",
    "WindowsGracefulNodeShutdown":                       ".   .   .   .   A-  A-  B+  B+  B+",
    # Area I: CPU, env, streaming, node
    "CustomCPUCFSQuotaPeriod":                          "A-  A-  A-  A-  A-  A-  A-  A-  G+",
    "RelaxedEnvironmentVariableValidation":              ".   .   A-  A-  B+  B+  G+L G+L G+L",
    "ExtendWebSocketsToKubelet":                         ".   .   .   .   .   .   .   .   B+",
    "RelaxedDNSSearchValidation":                       ".   .   .   .   A-  B+  G+L G+L G+L",
    "ServiceAccountTokenJTI":                           ".   A-  B+  B+  G+L G+L G+L G+L G+L",
    "ServiceAccountTokenPodNodeInfo":                   ".   A-  B+  B+  G+L G+L G+L G+L G+L",
    "StrictIPCIDRValidation":                           ".   .   .   .   .   A-  A-  A-  B+",
    "DisableNodeKubeProxyVersion":                      ".   A-  A-  D-  D-  D+  D+  D+  D+L",
    "DynamicResourceAllocation":                         "A-  A-  A-  A-  B-  B-  G+  G+L G+L",
    "ClusterTrustBundleProjection":                      ".   A-  A-  A-  A-  B-  B-  B-  B-",
    "PodCertificateRequest":                             ".   .   .   .   .   .   A-  B-  B-",
    "MemoryQoS":                                        "A-  A-  A-  A-  A-  A-  A-  A-  A-",
    "NodeLogQuery":                                     "A-  A-  B-  B-  B-  B-  B-  B-  G+L",
    "NodeSwap":                                          "B-  B-  B+  B+  B+  B+  G+L G+L G+L",
}
# fmt: on
