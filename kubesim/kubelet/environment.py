"""The environment of a container: values with `$(VAR)`, the pod's own fields and resources, ConfigMaps, Secrets, files.

Mirrors kubelet: pkg/kubelet/kubelet_pods.go, makeEnvironmentVariables.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence

from kubesim.kubelet.config_objects import ConfigObjects, ObjectNotFound
from kubesim.kubelet.downward_api import AnyContainer, DownwardApi
from kubesim.kubelet.env_files import EnvFiles
from kubesim.kubelet.event_recorder import EventRecorder
from kubesim.kubelet.event_reference import pod_reference
from kubesim.kubelet.volumes import ContainerConfigError
from kubesim.model import k8s_v1 as v1
from kubesim.policy.downward_fields import DownwardFieldError
from kubesim.policy.env_expansion import expand_with
from kubesim.policy.env_from import env_from, skipped_text
from kubesim.policy.service_variables import PortView, ServiceView, service_variables


class Environments:
    """Makes the environments of containers. Objects are read afresh for each, once per container."""

    def __init__(
        self,
        objects: ConfigObjects,
        downward: DownwardApi,
        recorder: EventRecorder,
        env_files: EnvFiles,
        services: Callable[[], Sequence[v1.Service]],
    ) -> None:
        self._objects = objects
        self._env_files = env_files
        self._services = services
        self._downward = downward
        self._recorder = recorder

    def of(self, pod: v1.Pod, container: AnyContainer, *, pod_ips: tuple[str, ...]) -> dict[str, str]:
        """The variables by name; bytes that are no text are kept as surrogates. Raises ContainerConfigError."""
        try:
            of_services = self._of_services(pod)
            variables = self._from_objects(pod, container)
            for one in container.env:
                # A variable sees those before it. One whose source is optional and missing is not set at all.
                value: str | None = one.value
                if one.value:
                    value = expand_with(one.value, ChainMap(variables, of_services))
                elif one.value_from is not None:
                    value = self._referred(pod, container, one.value_from, pod_ips)
                if value is not None:
                    variables[one.name] = value
        except (ObjectNotFound, DownwardFieldError) as error:
            raise ContainerConfigError(str(error)) from error
        return variables | {name: value for name, value in of_services.items() if name not in variables}

    def _of_services(self, pod: v1.Pod) -> dict[str, str]:
        services = self._services()
        if not services:
            return {}
        has_links = pod.spec.enable_service_links is not False
        views = map(_service_view, services)
        return service_variables(views, namespace=pod.metadata.namespace, has_links=has_links)

    def _from_objects(self, pod: v1.Pod, container: AnyContainer) -> dict[str, str]:
        variables: dict[str, str] = {}
        for source in container.env_from:
            for kind, reference, read in (
                ("configMap", source.config_map_ref, self._objects.config_map_text),
                ("secret", source.secret_ref, self._secret_text),
            ):
                if reference is None:
                    continue
                data = _read(read, pod, reference.name, is_optional=bool(reference.optional))
                taken, skipped = env_from(data or {}, prefix=source.prefix, minor=self._downward.node.minor)
                variables.update(taken)
                if skipped:
                    text = skipped_text(skipped, kind=kind, key=f"{pod.metadata.namespace}/{reference.name}")
                    self._recorder.event(pod_reference(pod), "Warning", "InvalidEnvironmentVariableNames", text)
        return variables

    def _referred(
        self, pod: v1.Pod, container: AnyContainer, source: v1.EnvVarSource, pod_ips: tuple[str, ...]
    ) -> str | None:
        if source.field_ref is not None:
            return self._downward.runtime_field(pod, source.field_ref.field_path, pod_ips)
        if source.resource_field_ref is not None:
            return self._downward.runtime_resource(pod, container, source.resource_field_ref)
        if source.config_map_key_ref is not None:
            return _entry(self._objects.config_map_text, "ConfigMap", pod, source.config_map_key_ref)
        if source.secret_key_ref is not None:
            return _entry(self._secret_text, "Secret", pod, source.secret_key_ref)
        if source.file_key_ref is not None:
            return self._env_files.value(pod, source.file_key_ref)
        return ""

    def _secret_text(self, namespace: str, name: str) -> dict[str, str]:
        data = self._objects.secret_data(namespace, name)
        return {key: value.decode(errors="surrogateescape") for key, value in data.items()}


def _service_view(service: v1.Service) -> ServiceView:
    return ServiceView(
        namespace=service.metadata.namespace,
        name=service.metadata.name,
        cluster_ip=service.spec.cluster_ip,
        ports=tuple(PortView(number=one.port, name=one.name, protocol=one.protocol) for one in service.spec.ports),
    )


Read = Callable[[str, str], Mapping[str, str]]


def _read(read: Read, pod: v1.Pod, name: str, *, is_optional: bool) -> Mapping[str, str] | None:
    try:
        return read(pod.metadata.namespace, name)
    except ObjectNotFound:
        if is_optional:
            return None
        raise


def _entry(read: Read, kind: str, pod: v1.Pod, reference: v1.ConfigMapKeySelector | v1.SecretKeySelector) -> str | None:
    is_optional = bool(reference.optional)
    found = _read(read, pod, reference.name, is_optional=is_optional)
    if found is None or reference.key in found or is_optional:
        return None if found is None else found.get(reference.key)
    namespace = pod.metadata.namespace
    raise ContainerConfigError(f"couldn't find key {reference.key} in {kind} {namespace}/{reference.name}")
