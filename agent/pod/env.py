# SPDX-License-Identifier: Apache-2.0
"""A container's environment, as the kubelet makes it: envFrom, env, and variables of Services, in rising precedence
of the first two over the last.
"""

from collections import ChainMap
from collections.abc import Callable, Mapping

from lightkube.models import core_v1

from agent.cgroup.resources import spec_of
from agent.objects import content
from agent.objects.model import ObjectAbsentError, Objects
from agent.pod import env_file
from agent.pod.downward import field_value, resource_value
from agent.pod.errors import ConfigError
from agent.pod.facts import PodFacts
from agent.pod.service_env import service_variables
from kube.expand import expand
from kube.names import ENV_NAME

Files = Callable[[str, str], bytes]
"""(volume, path in it) to the file's content; OSError when it cannot be read."""


def environment(
    pod: core_v1.Pod,
    container: core_v1.Container,
    facts: PodFacts,
    objects: Objects,
    files: Files | None = None,
) -> tuple[tuple[str, str], ...]:
    """Names and values. Raises ObjectError or ConfigError, with the kubelet's words, for what is not optional.

    Bytes of Secrets that are no UTF-8 are kept as surrogates. files reads what fileKeyRef names.
    """
    namespace = (pod.metadata and pod.metadata.namespace) or "default"
    services = service_variables(objects, namespace, links=spec_of(pod).enableServiceLinks is not False)
    variables: dict[str, str] = {}
    for source in container.envFrom or ():
        variables |= _from_source(source, namespace, objects)
    known = ChainMap(variables, services)
    look_up = _Sources(pod, container, namespace, facts, objects, files)
    for variable in container.env or ():
        value = expand(variable.value, known) if variable.value else look_up.value(variable)
        if value is not None:
            variables[variable.name] = value
    return (*variables.items(), *((k, v) for k, v in services.items() if k not in variables))


def _from_source(source: core_v1.EnvFromSource, namespace: str, objects: Objects) -> dict[str, str]:
    """Every key of a ConfigMap or Secret; those that make no name of a variable are passed over, as the API says."""
    values: Mapping[str, str] = {}
    if reference := source.configMapRef:
        name = reference.name or ""
        values = _read(
            lambda: content.config_map(objects, namespace, name).data or {}, optional=reference.optional
        )
    elif secret := source.secretRef:
        name = secret.name or ""
        values = _read(lambda: _texts(objects, namespace, name), optional=secret.optional)
    named = {f"{source.prefix or ''}{key}": value for key, value in values.items()}
    return {name: value for name, value in named.items() if ENV_NAME.fits(name)}


def _read(read: Callable[[], Mapping[str, str]], *, optional: bool | None) -> Mapping[str, str]:
    try:
        return read()
    except ObjectAbsentError:
        if optional:
            return {}
        raise


def _texts(objects: Objects, namespace: str, name: str) -> Mapping[str, str]:
    files = content.secret_files(objects, namespace, name)
    return {key: data.decode(errors="surrogateescape") for key, data in files.items()}


class _Sources:
    """Reads valueFrom for one container."""

    def __init__(
        self,
        pod: core_v1.Pod,
        container: core_v1.Container,
        namespace: str,
        facts: PodFacts,
        objects: Objects,
        files: Files | None,
    ) -> None:
        self._pod, self._container, self._namespace = pod, container, namespace
        self._facts, self._objects, self._files = facts, objects, files

    def value(self, variable: core_v1.EnvVar) -> str | None:
        """The variable's value; None when it is optional and not there."""
        source = variable.valueFrom
        if source is None:
            return ""
        if source.fieldRef:
            return field_value(self._pod, source.fieldRef.fieldPath, self._facts)
        if source.resourceFieldRef:
            return resource_value(self._pod, self._container, source.resourceFieldRef, self._facts)
        if source.configMapKeyRef:
            return self._config_map_key(source.configMapKeyRef)
        if source.secretKeyRef:
            return self._secret_key(source.secretKeyRef)
        if source.fileKeyRef:
            return self._file_key(source.fileKeyRef)
        raise ConfigError(f"variable {variable.name} has a valueFrom without a source")

    def _config_map_key(self, selector: core_v1.ConfigMapKeySelector) -> str | None:
        name = selector.name or ""
        values = _read(
            lambda: content.config_map(self._objects, self._namespace, name).data or {},
            optional=selector.optional,
        )
        where = f"ConfigMap {self._namespace}/{name}"
        return _required(values.get(selector.key), selector.key, where, optional=selector.optional)

    def _secret_key(self, selector: core_v1.SecretKeySelector) -> str | None:
        name = selector.name or ""
        values = _read(lambda: _texts(self._objects, self._namespace, name), optional=selector.optional)
        where = f"Secret {self._namespace}/{name}"
        return _required(values.get(selector.key), selector.key, where, optional=selector.optional)

    def _file_key(self, selector: core_v1.FileKeySelector) -> str | None:
        where = f"file {selector.path} of volume {selector.volumeName}"
        if self._files is None:
            raise ConfigError(f"cannot read {where}: no volumes are prepared")
        try:
            data = self._files(selector.volumeName, selector.path)
        except OSError as error:
            if selector.optional and isinstance(error, FileNotFoundError | NotADirectoryError):
                return None
            raise ConfigError(f"cannot read {where}: {error.strerror}") from error
        if len(data) > env_file.LARGEST:
            raise ConfigError(f"cannot read {where}: it is larger than {env_file.LARGEST} bytes")
        value = env_file.find(data.decode(errors="surrogateescape"), selector.key)
        return _required(value, selector.key, where, optional=selector.optional)


def _required(value: str | None, key: str, where: str, *, optional: bool | None) -> str | None:
    if value is None and not optional:
        raise ConfigError(f"couldn't find key {key} in {where}")
    return value
