"""What reads the objects of the API server for pods: into variables, and into the files of volumes."""

from __future__ import annotations

from kubesim.kernel import Kernel
from kubesim.kubelet.config_objects import ConfigObjects
from kubesim.kubelet.config_volumes import ConfigVolumes
from kubesim.kubelet.downward_api import DownwardApi
from kubesim.kubelet.env_files import EnvFiles
from kubesim.kubelet.environment import Environments
from kubesim.kubelet.event_recorder import EventRecorder
from kubesim.kubelet.klog import Klog
from kubesim.kubelet.node_answers import NodeAnswers
from kubesim.kubelet.node_settings import NodeSettings
from kubesim.kubelet.outside import ApiClient, HostFiles
from kubesim.kubelet.pod_directories import PodDirectories
from kubesim.kubelet.token_manager import TokenManager
from kubesim.kubelet.volumes import PodVolumes


def readers_of_objects(
    kernel: Kernel,
    api: ApiClient,
    recorder: EventRecorder,
    host_files: HostFiles,
    directories: PodDirectories,
    node: NodeSettings,
    answers: NodeAnswers,
    klog: Klog,
) -> tuple[Environments, PodVolumes]:
    """What makes the variables of containers, and what makes the volumes of pods."""
    objects = ConfigObjects(get_config_map=api.get_config_map, get_secret=api.get_secret)
    downward = DownwardApi(node=node, allocatable=answers.allocatable)
    env_files = EnvFiles(host_files, directories, klog)
    tokens = TokenManager(kernel, api.create_token)
    files = ConfigVolumes(kernel, host_files, objects, downward, tokens)
    return (
        Environments(objects, downward, recorder, env_files, api.services),
        PodVolumes(
            host_files,
            directories,
            supports_rro=answers.supports_rro,
            config_volumes=files,
            allocatable=answers.allocatable,
            gates=node.gates,
        ),
    )
