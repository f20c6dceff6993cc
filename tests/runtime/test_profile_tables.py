"""What each built-in profile says, version by version: the tables that were made of the runtimes' sources.

The cells are what the profiles add up to in the newest patch level; what changed between those is in `test_profiles`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from kubesim.policy.runtime_profile_rpcs import CRI_RPCS
from kubesim.policy.runtime_profile_schema import switches, value_of
from kubesim.runtime.profiles import load_profile, profile_names

from .long_switches import LONG

LINES_OF = {line: [name for name in profile_names() if name.startswith(f"{line}-")] for line in ("containerd", "cri-o")}
ANSWERS = {
    "Y": "served",
    "U": "unimplemented-method",  # Unimplemented: method X not implemented
    "P": "unimplemented-plain",  # Unimplemented: method unimplemented
    "X": "unknown-method",  # Unimplemented: unknown method X for service
    "N": "not-implemented",  # Unimplemented: not implemented
    "O": "ends-at-once",  # a stream that ends with OK, unless it is switched on
    "D": "disabled",  # Unknown, unless it is switched on
}
RPCS = """
                          1.6  1.7  2.0  2.1  2.2  2.3  1.28 1.29 1.30 1.31 1.32 1.33 1.34 1.35 1.36 ideal
Version                   Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y
RunPodSandbox             Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y
StopPodSandbox            Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y
RemovePodSandbox          Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y
PodSandboxStatus          Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y
ListPodSandbox            Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y
CreateContainer           Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y
StartContainer            Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y
StopContainer             Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y
RemoveContainer           Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y
ListContainers            Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y
ContainerStatus           Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y
UpdateContainerResources  Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y
ReopenContainerLog        Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y
ExecSync                  Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y
Exec                      Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y
Attach                    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y
PortForward               Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y
ContainerStats            Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y
ListContainerStats        Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y
UpdateRuntimeConfig       Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y
Status                    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y
PodSandboxStats           Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y
ListPodSandboxStats       Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y
ListImages                Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y
ImageStatus               Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y
PullImage                 Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y
RemoveImage               Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y
ImageFsInfo               Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y
GetContainerEvents        U    Y    Y    Y    Y    Y    O    O    O    O    O    O    O    O    O    Y
CheckpointContainer       U    U    Y    Y    Y    Y    D    D    Y    Y    Y    Y    Y    Y    Y    Y
RuntimeConfig             X    X    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y    Y
ListMetricDescriptors     X    U    U    U    Y    Y    P    P    Y    Y    Y    Y    Y    Y    Y    Y
ListPodSandboxMetrics     X    U    U    U    Y    Y    P    P    Y    Y    Y    Y    Y    Y    Y    Y
UpdatePodSandboxResources X    X    X    X    N    Y    X    X    X    X    X    Y    Y    Y    Y    Y
StreamPodSandboxes        X    X    X    X    X    U    X    X    X    X    X    X    X    X    Y    Y
StreamContainers          X    X    X    X    X    U    X    X    X    X    X    X    X    X    Y    Y
StreamContainerStats      X    X    X    X    X    U    X    X    X    X    X    X    X    X    Y    Y
StreamPodSandboxStats     X    X    X    X    X    U    X    X    X    X    X    X    X    X    Y    Y
StreamPodSandboxMetrics   X    X    X    X    X    U    X    X    X    X    X    X    X    X    Y    Y
StreamImages              X    X    X    X    X    U    X    X    X    X    X    X    X    X    Y    Y
CheckpointPod             X    X    X    X    X    X    X    X    X    X    X    X    X    X    X    Y
RestorePod                X    X    X    X    X    X    X    X    X    X    X    X    X    X    X    Y
"""
"""All 43 RPCs. The columns are containerd 1.6 to 2.3, CRI-O 1.28 to 1.36, and ideal."""

# In the tables below "=" is what the version before has, "-" is nothing, and "*" is in the table of versions.
CONTAINERD = """
                                   1.6               1.7       2.0      2.1      2.2            2.3
runtimeVersion                     v1.6.39           v1.7.34   v2.0.11  v2.1.9   v2.2.7         v2.3.4
criApiVersion                      0.25              0.27      0.31     0.32     0.34           0.36
legacyServices                     runtime.v1alpha2  =         -        =        =              =
pauseImage                         3.6               3.8       3.10     =        3.10.1         3.10.2
identity.knowsPolicy               no                =         yes      =        =              =
identity.numericOverflow           name              error     =        =        =              =
identity.accountFileBytesMax       -                 10485760  =        =        =              =
identity.accountFileMustBeRegular  no                yes       =        =        =              =
identity.accountFileLinks          rooted            =         =        =        last-absolute  viewed
imageVolumes.mounts                ignored           =         =        mounted  =              =
imageVolumes.subPath               ignored           =         =        =        directories    =
imageVolumes.requestText           gogo              =         =        =        protobuf       =
imageVolumes.statusHasSubPath      no                =         =        =        yes            =
imageVolumes.userNamespaces        start-fails       =         =        works    =              =
status.reportsHandlers             no                =         yes      =        =              =
status.handlersOrder               unsorted          =         =        sorted   =              =
status.userNamespaces              no                =         yes      =        =              =
status.supplementalGroupsPolicy    -                 =         yes      =        =              =
status.configHasSandboxImage       yes               =         no       =        =              =
sandboxes.infoWithoutVerbose       no                =         =        =        =              yes
sandboxes.unprivilegedPorts        no                =         yes      =        =              =
sandboxes.userNamespaces           no                yes       =        =        =              =
sandboxes.resourcesInInfo          no                =         =        =        =              yes
containers.userInStatus            no                =         yes      =        =              =
containers.imageIdInStatus         no                =         =        =        =              yes
containers.imageIdInList           no                =         =        =        =              yes
containers.stopSignalInStatus      no                =         =        =        =              yes
containers.createInStoppedSandbox  not-found         =         taken    =        refused        =
containers.recursiveReadOnlyMounts no                =         yes      =        =              =
containers.userNamespaceCheck      no                yes       =        =        =              =
containers.cdi                     no                =         yes      =        =              =
containers.restoreFromCheckpoint   no                =         =        yes      =              =
images.pullError                   reference         =         =        image    =              =
images.forbiddenDetails            no                =         =        =        =              yes
images.artifactPull                image-layers-unpacked =     =        unpacked-on-use =       =
images.pullProgressTimeoutSeconds  0                 300       =        =        =              =
streaming.statusForm               metav1            =         =        =        =              bare
streaming.missingProtocolHeader    empty-answer      =         =        =        =              bad-request
statistics.psi                     no                =         =        =        =              yes
statistics.metrics                 none              =         =        =        containerd     =
statistics.metricPodsPerSecond     0                 =         =        =        10             =
"""
CRIO = """
                                   1.28         1.29     1.30     1.31     1.32     1.33     1.34     1.35       1.36
runtimeVersion                     1.28.11      1.29.13  1.30.14  1.31.13  1.32.13  1.33.13  1.34.11  1.35.6     1.36.3
criApiVersion                      0.28         0.29     0.30     0.31     0.31.4   0.33     0.34     0.35       0.36
defaultHandler                     runc         =        =        crun     =        =        =        =          =
pauseImage                         3.9          =        =        3.10     =        =        3.10.1   =          =
identity.knowsPolicy               no           =        =        yes      =        =        =        =          =
identity.homeNewlineCheck          escaped      =        =        =        =        =        =        =          newline
imageVolumes.mounts                ignored      =        =        mounted  =        =        =        =          =
imageVolumes.artifacts             no           =        =        =        =        yes      =        =          =
imageVolumes.artifactErrors        sub-path     =        =        =        =        =        all      =          =
status.reportsHandlers             no           =        yes      =        =        =        =        =          =
status.userNamespaces              no           =        yes      =        =        =        =        =          =
status.supplementalGroupsPolicy    -            =        =        yes      =        =        =        =          =
containers.userInStatus            no           =        =        yes      =        =        =        =          =
containers.ociRuntime              runc         =        =        crun     =        =        =        =          =
containers.imageIdInStatus         no           =        yes      =        =        =        =        =          =
containers.imageIdInList           no           =        yes      =        =        =        =        =          =
containers.updateTakes             cpu-and-memory  =     =        =        =        =        =        =          unified
containers.updateBelowUsage        kernel       =        =        =        =        refused  =        =          =
containers.recursiveReadOnlyMounts no           =        yes      =        =        =        =        =          =
containers.restoreFromCheckpoint   no           =        yes      =        =        =        =        =          =
streaming.forwardReadError         read         =        writeto  =        =        =        =        =          =
images.pullReturns                 repo-digest  =        =        =        =        =        =        id         =
images.hexNames                    refused      =        =        =        =        =        =        not-found  =
images.storesArtifacts             no           =        =        =        =        yes      =        =          =
images.artifactLookup              short-names  =        =        =        =        =        =        full-names =
images.artifactPinning             always       =        =        =        =        =        =        by-name    =
images.artifactPull                config-refused type-refused =       =        =        =        =        =          =
images.removeVolume                refused-by-name  =     =        =        =        refused  =        =          =
images.containerFilesystems        no           yes      =        =        =        =        =        =          =
streaming.statusForm               metav1       =        =        =        =        =        =        =          bare
streaming.missingProtocolHeader    empty-answer =        =        =        =        =        =        bad-request  =
statistics.swap                    no           =        yes      =        =        =        =        =          =
statistics.metrics                 none         =        cri-o    =        =        =        =        =          =
"""
LINES = """
                                    containerd         cri-o
texts                               containerd         cri-o
runtimeName                         containerd         cri-o
legacyServices                      *                  -
cgroupDriver                        cgroupfs           systemd
defaultHandler                      runc               *
ociSpec                             containerd         cri-o
duplicateName                       error              existing-id
listOrder                           unordered          unordered
namePrefix                          -                  k8s_
whileStarting                       refuses-calls      refuses-connections
identity.algorithm                  containerd         cri-o
identity.numericOverflow            *                  error
identity.accountFileBytesMax        *                  -
identity.accountFileMustBeRegular   *                  no
identity.accountFileLinks           *                  joined
identity.homeNewlineCheck           none               *
imageVolumes.emptyImage             refused            bind
imageVolumes.outsideSubPath         refused            rooted
imageVolumes.artifacts              no                 *
imageVolumes.requiresReadOnly       yes                no
imageVolumes.statusImage            as-requested       id
imageVolumes.mountedFor             pod                node
imageVolumes.mountOrder             images-checked-first images-mounted-first
imageVolumes.firstReference         whole              any
imageVolumes.subPathLinksMax        8                  40
imageVolumes.userNamespaces         *                  works
status.handlersOrder                *                  default-then-empty
status.userNamespacesHostNetwork    -                  -
status.configForm                   containerd         cri-o
status.configHasSandboxImage        *                  yes
sandboxes.addsPodLabels             no                 yes
sandboxes.runtimeHandlerInStatus    yes                no
sandboxes.namespaceOptionsInStatus  always             when-given
sandboxes.infoWithoutVerbose        *                  no
sandboxes.stopGrace                 none               deadline
sandboxes.hostnameWhenEmpty         host               id-prefix
sandboxes.keepsPauseProcess         yes                no
sandboxes.waitsForNetwork           no                 yes
sandboxes.unprivilegedPorts         *                  no
sandboxes.userNamespaces            *                  yes
sandboxes.idMappingCheck            one-line           root
sandboxes.requiredMetadata          -                  *
sandboxes.relativeLogDirectory      taken              refused
sandboxes.ambiguousIdToStop         error              nothing
sandboxes.resourcesInInfo           *                  no
sandboxes.cgroupParentCheck         oci-runtime        suffix
containers.resourcesInStatus        yes                yes
containers.stopSignalInStatus       *                  no
containers.statusImage              first-tag          name
containers.listImage                as-requested       requested-name
containers.statusImageRef           repo-digest        repo-digest
containers.listImageRef             image-id           repo-digest
containers.filterByBothIds          resolved           pod-prefix
containers.statusMounts             as-requested       rebuilt
containers.missingProgramFails      start              create
containers.ociRuntime               runc               *
containers.emptyMountPath           mounted            refused
containers.startFailure             start-error        error
containers.lostReason               Unknown            Error
containers.createdWhenLost          kept               ended
containers.createChecks             sandbox-first      request-first
containers.nameRequired             no                 yes
containers.createInStoppedSandbox   *                  refused
containers.removeRunning            kill               stop
containers.stopCreated              no-op              finish
containers.stopWaits                alone              together
containers.updateStopped            ok                 refused
containers.updateTakes              everything         *
containers.updateBelowUsage         kernel             *
containers.labelBytesMax            0                  4096
containers.userNamespaceCheck       *                  no
containers.cdi                      *                  yes
containers.restoredConfig           annotated          rebuilt
containers.capabilityPrefix         always-added       added-when-missing
execSync.timeoutAnswer              deadline-exceeded  exit-minus-one
execSync.outputBytesMax             16777216           16777216
execSync.outputLimit                per-stream         total
execSync.waitsForOutput             yes                no
execSync.ttyOfContainer             no                 yes
streaming.checksState               yes                no
images.idForm                       sha256-prefixed    bare
images.pullReturns                  id                 *
images.shortIdLengthMin             1                  3
images.shortNames                   docker-hub         search-registries
images.hexNames                     not-found          *
images.listFilter                   ignored            lookup
images.removeByName                 all-references     that-name
images.removeInUse                  allowed            refused
images.specAnnotations              no                 yes
images.size                         compressed         uncompressed
images.storesArtifacts              no                 *
images.pinning                      at-pull            by-name
images.filesystemUsage              snapshots          records
images.containerFilesystems         no                 *
images.pullAuth                     for-host           for-any-host
images.concurrentPulls              share-content      merged
images.pullProgressTimeoutSeconds   *                  0
logs.timestamp                      trimmed            nine-digits
logs.lineBytesMax                   16384              0
statistics.psi                      *                  no
statistics.swap                     no                 *
statistics.metricPodsPerSecond      *                  0
statistics.stoppedContainer         error              empty
statistics.listsStoppedContainers   yes                no
statistics.defaultInterface         eth0               first-link
statistics.usageNanoCores           background         previous-call
statistics.containerStatsRate       no                 yes
statistics.processCount             containers         pod-cgroup
statistics.streamChunkItems         5000               3000
statistics.eventBacklog             five-minutes       first-listener
statistics.removedSandboxEvent      without-status     dropped
statistics.removedWithSandboxEvent  yes                no
"""


def rows(table: str) -> Iterator[tuple[str, list[str]]]:
    """The rows of a table by their key, with every cell filled; the first one, without a key, is the header."""
    header, *lines = table.strip("\n").splitlines()
    yield "", header.split()
    for line in lines:
        key, *cells = line.split()
        filled: list[str] = []
        for cell in cells:
            filled.append(filled[-1] if cell == "=" else cell)
        yield key, filled


def cell_of(profile: str, key: str) -> str:
    """What a profile has for a key, as it stands in a table."""
    value = value_of(load_profile(profile), switches()[key])
    if value is None or value in ("", ()):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value).removeprefix("registry.k8s.io/pause:")


def test_each_rpc_in_each_profile() -> None:
    header, *answers = rows(RPCS)
    names = [*LINES_OF["containerd"], *LINES_OF["cri-o"], "ideal"]

    assert [name.rpartition("-")[2] for name in names] == header[1]
    assert sorted(rpc for rpc, _ in answers) == sorted(CRI_RPCS)
    for rpc, letters in answers:
        assert [load_profile(name).rpcs[rpc] for name in names] == [ANSWERS[letter] for letter in letters], rpc


@pytest.mark.parametrize(("line", "table"), [("containerd", CONTAINERD), ("cri-o", CRIO)])
def test_what_changes_with_the_versions(line: str, table: str) -> None:
    header, *expected = rows(table)

    assert [name.removeprefix(f"{line}-") for name in LINES_OF[line]] == header[1]
    for key, cells in expected:
        assert [cell_of(name, key) for name in LINES_OF[line]] == cells, key


def test_what_is_the_same_in_all_versions_of_a_runtime() -> None:
    header, *expected = rows(LINES)

    assert header[1] == list(LINES_OF)
    for key, cells in expected:
        for line, cell in zip(LINES_OF, cells, strict=True):
            if cell != "*":
                assert {cell_of(name, key) for name in LINES_OF[line]} == {cell}, key


@pytest.mark.parametrize(("line", "key"), LONG)
def test_what_is_long(line: str, key: str) -> None:
    found: dict[str, Any] = {}
    for name in LINES_OF[line]:
        value = value_of(load_profile(name), switches()[key])
        if not found or value != list(found.values())[-1]:
            found[name.removeprefix(f"{line}-")] = value

    assert found == LONG[line, key]


@pytest.mark.parametrize(("line", "table"), [("containerd", CONTAINERD), ("cri-o", CRIO)])
def test_nothing_changes_that_is_in_no_table(line: str, table: str) -> None:
    listed = {key for key, _ in rows(table)} | {key for of, key in LONG if of == line}
    changing = {
        key
        for key, switch in switches().items()
        if switch.group != "rpcs" and len({cell_of(name, key) for name in LINES_OF[line]}) > 1
    }

    assert changing - listed == set()
