# SPDX-License-Identifier: Apache-2.0
"""Calls CNI plugins as a runtime does: executable from a folder, environment, config on standard input."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.netns import Namespace


@dataclass(frozen=True, slots=True)
class Answer:
    """What a plugin printed and how it ended."""

    code: int
    stdout: bytes

    @property
    def result(self) -> dict[str, Any]:
        """Standard output, which must be a JSON object."""
        made = json.loads(self.stdout)
        assert isinstance(made, dict)
        return made

    def ok(self) -> "Answer":
        """This answer, which must be a success."""
        assert self.code == 0, self.stdout.decode()
        return self


@dataclass(frozen=True, slots=True)
class Runtime:
    """A runtime on one node, with one plugin's config; `environ` is added to every call."""

    node: Namespace
    folder: Path
    config: Mapping[str, Any]
    environ: Mapping[str, str] = field(default_factory=dict)

    def call(
        self,
        verb: str,
        pod: Namespace | str,
        container: str = "c1",
        *,
        ifname: str = "eth0",
        name: str = "web",
        **keys: Any,
    ) -> Answer:
        """One call; `keys` are added to the config, a '_' in a key's name stands for '/'."""
        config = {**self.config, **keys}
        done = self.node.run(
            str(self.folder / str(config["type"])),
            check=False,
            stdin=json.dumps(config).encode(),
            env=self.environment(verb, pod, container, ifname=ifname, name=name),
        )
        assert not done.stderr, done.stderr.decode()
        return Answer(done.returncode, done.stdout)

    def environment(
        self, verb: str, pod: Namespace | str, container: str, *, ifname: str = "eth0", name: str = "web"
    ) -> dict[str, str]:
        """The variables of one call."""
        return {
            "CNI_COMMAND": verb,
            "CNI_CONTAINERID": container,
            "CNI_NETNS": pod if isinstance(pod, str) else pod.path,
            "CNI_IFNAME": ifname,
            "CNI_PATH": str(self.folder),
            "CNI_ARGS": f"IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME={name}",
            "PATH": os.environ["PATH"],
            **self.environ,
        }

    def add(self, pod: Namespace, container: str = "c1", **options: Any) -> dict[str, Any]:
        """The result of an ADD that must succeed."""
        return self.call("ADD", pod, container, **options).ok().result

    def delete(self, pod: Namespace | str, container: str = "c1", **options: Any) -> None:
        """A DEL that must succeed, and print nothing."""
        assert self.call("DEL", pod, container, **options).ok().stdout == b""

    def check(self, pod: Namespace, previous: Mapping[str, Any], container: str = "c1") -> Answer:
        """CHECK against an earlier result."""
        return self.call("CHECK", pod, container, prevResult=previous)

    def collect(self, *valid: str, **keys: Any) -> Answer:
        """GC that spares these containers."""
        attachments = [{"containerID": one, "ifname": "eth0"} for one in valid]
        key = {"cni.dev/valid-attachments": attachments}
        return self.call("GC", "", "", cniVersion="1.1.0", **key, **keys)


def addresses_of(result: Mapping[str, Any]) -> list[str]:
    """The addresses of a result without their prefix lengths."""
    return [ip["address"].partition("/")[0] for ip in result["ips"]]
