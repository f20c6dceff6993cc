"""What makes variables, and what makes files, of ConfigMaps, Secrets and the pod itself."""

from __future__ import annotations

from kubesim.kernel import Kernel
from kubesim.kubelet.config_objects import ConfigObjects
from kubesim.kubelet.config_volumes import ConfigVolumes
from kubesim.kubelet.downward_api import DownwardApi
from kubesim.kubelet.environment import Environments
from kubesim.kubelet.event_recorder import EventRecorder
from kubesim.kubelet.node_answers import NodeAnswers
from kubesim.kubelet.outside import ApiClient, HostFiles
from kubesim.kubelet.sandbox_config import NodeSettings


def readers_of_objects(
    kernel: Kernel,
    api: ApiClient,
    recorder: EventRecorder,
    host_files: HostFiles,
    node: NodeSettings,
    answers: NodeAnswers,
) -> tuple[Environments, ConfigVolumes]:
    """The one for variables, and the one for files; both read the same objects."""
    objects = ConfigObjects(get_config_map=api.get_config_map, get_secret=api.get_secret)
    downward = DownwardApi(node=node, allocatable=answers.allocatable)
    return Environments(objects, downward, recorder), ConfigVolumes(kernel, host_files, objects, downward)
