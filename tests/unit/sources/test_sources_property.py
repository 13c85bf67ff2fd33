# SPDX-License-Identifier: Apache-2.0
"""A thousand manifests made by hypothesis: good ones come back as they are, broken ones disturb nobody else."""

import copy
import json
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from lightkube.models import core_v1

from agent.sources.folder import ManifestFolder
from agent.sources.manifests import read_folder
from agent.sources.model import PodKey
from agent.sources.reading import read_manifest
from agent.sources.scalars import plain_value

LABEL = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)
WORD = st.from_regex(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,20}[A-Za-z0-9])?", fullmatch=True)
# What YAML files may hold: no control characters, and no lone surrogates.
TEXT = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff\ufeff"), max_size=12
)


def optional(required: dict[str, Any], **others: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=others)


PORTS = st.lists(
    optional({"containerPort": st.integers(1, 65535)}, protocol=st.sampled_from(["TCP", "UDP", "SCTP"])),
    max_size=3,
)
VARIABLES = st.lists(optional({"name": WORD}, value=TEXT), max_size=3)
AMOUNTS = {"cpu": st.sampled_from([1, 2.5, "100m", "1"]), "memory": st.sampled_from(["64Mi", "1Gi", 1 << 20])}
CONTAINER = optional(
    {
        "name": LABEL,
        "image": st.sampled_from(["busybox", "docker.io/local/busybox:1", "a.example:5000/b/c:latest"]),
    },
    command=st.lists(TEXT, max_size=3),
    args=st.lists(TEXT, max_size=3),
    workingDir=TEXT,
    env=VARIABLES,
    ports=PORTS,
    resources=optional({}, limits=optional({}, **AMOUNTS)),
    imagePullPolicy=st.sampled_from(["Always", "IfNotPresent", "Never"]),
    tty=st.booleans(),
    stdin=st.booleans(),
)
SPEC = optional(
    {
        "containers": st.lists(
            CONTAINER, min_size=1, max_size=3, unique_by=lambda container: container["name"]
        )
    },
    restartPolicy=st.sampled_from(["Always", "OnFailure", "Never"]),
    terminationGracePeriodSeconds=st.integers(0, 3600),
    hostname=LABEL,
    dnsPolicy=st.sampled_from(["ClusterFirst", "Default"]),
    enableServiceLinks=st.just(False),
)
METADATA = optional(
    {"name": LABEL},
    namespace=LABEL,
    labels=st.dictionaries(WORD, WORD, max_size=3),
    annotations=st.dictionaries(WORD, TEXT, max_size=3),
)
POD = st.fixed_dictionaries(
    {"apiVersion": st.just("v1"), "kind": st.just("Pod"), "metadata": METADATA, "spec": SPEC}
)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=6,
)


class _Dumper(yaml.SafeDumper):
    """Quotes texts that Kubernetes' YAML takes for something else ("n", "1e3"), which PyYAML would not."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        style = None if plain_value(text) == text else "'"
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _Dumper.represent_text)


def written(pod: dict[str, Any], style: str) -> tuple[str, bytes]:
    if style == "json":
        return "pod.json", json.dumps(pod, ensure_ascii=len(str(pod)) % 2 == 0).encode()
    flow = {"block": False, "flow": True, "mixed": None}[style]
    return "pod.yaml", yaml.dump(
        pod, Dumper=_Dumper, default_flow_style=flow, allow_unicode=True, width=10_000
    ).encode()


STYLE = st.sampled_from(["block", "flow", "mixed", "json"])


@settings(max_examples=400, deadline=None)
@given(POD, STYLE)
def test_a_good_manifest_comes_back_as_it_is(pod: dict[str, Any], style: str) -> None:
    name, content = written(pod, style)
    reading = read_manifest(name, content, "node1")
    assert reading.problems == ()
    (found,) = reading.pods
    assert found.key == PodKey(pod["metadata"].get("namespace", "default"), pod["metadata"]["name"])
    assert_says(msgspec.to_builtins(found.pod), pod)
    # Any other way of writing it is the same pod.
    for other in ("block", "json"):
        assert read_manifest(*written(pod, other), "node1").pods[0].uid == found.uid


@settings(max_examples=100, deadline=None)
@given(POD)
def test_what_was_read_can_be_written_and_read_again(pod: dict[str, Any]) -> None:
    (found,) = read_manifest(*written(pod, "block"), "node1").pods
    assert found.pod.spec is not None
    # The API's default, true, is refused when it is written: a node on its own knows no Services.
    links = found.pod.spec.enableServiceLinks
    spec = msgspec.structs.replace(found.pod.spec, enableServiceLinks=None if links else False)
    again = read_manifest(
        *written(msgspec.to_builtins(msgspec.structs.replace(found.pod, spec=spec)), "block"), "node1"
    )
    assert again.problems == ()
    # With the defaults written out it is another text, and so another uid.
    (second,) = again.pods
    metadata = msgspec.structs.replace(second.pod.metadata, uid=found.uid)
    assert (second.key, msgspec.structs.replace(second.pod, metadata=metadata)) == (found.key, found.pod)


def assert_says(found: Any, expected: Any, path: str = "") -> None:
    """Everything that was written is there; amounts are texts by then, and what is empty may be gone."""
    if isinstance(expected, dict):
        for key, value in expected.items():
            if value not in ({}, [], "") or key in found:
                assert_says(found[key], value, f"{path}.{key}")
    elif isinstance(expected, list):
        assert len(found) == len(expected), path
        for index, value in enumerate(expected):
            assert_says(found[index], value, f"{path}[{index}]")
    else:
        assert found == (str(expected) if isinstance(found, str) else expected), path


def mutate_data(pod: dict[str, Any], draw: Any) -> Any:
    """Replace, add or remove something anywhere in the object."""
    changed = copy.deepcopy(pod)
    node: Any = changed
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = draw(st.sampled_from(keys))
        inner = node[key]
        if not isinstance(inner, (dict, list)) or not inner or draw(st.booleans()):
            break
        node = inner
    action = draw(st.sampled_from(["replace", "remove", "add"]))
    if action == "replace":
        node[key] = draw(JUNK)
    elif action == "remove":
        del node[key]
    elif isinstance(node, dict):
        node[draw(TEXT)] = draw(JUNK)
    else:
        node.append(draw(JUNK))
    return changed


def mutate_text(content: bytes, draw: Any) -> bytes:
    """Cut, insert or overwrite bytes anywhere."""
    start = draw(st.integers(0, len(content)))
    end = draw(st.integers(start, min(len(content), start + 10)))
    piece = draw(
        st.binary(max_size=4) | st.sampled_from([b"\t", b"'", b'"', b": ", b"- ", b"\n---\n", b"&a ", b"*a"])
    )
    return content[:start] + piece + content[end:]


@st.composite
def mutants(draw: Any) -> tuple[str, bytes]:
    pod = draw(POD)
    style = draw(STYLE)
    name, content = written(mutate_data(pod, draw), style) if draw(st.booleans()) else written(pod, style)
    for _ in range(draw(st.integers(0, 3))):
        content = mutate_text(content, draw)
    return name, content


GOOD = {"kind": "Pod", "apiVersion": "v1", "spec": {"containers": [{"name": "a", "image": "b"}]}}
OTHERS = {
    f"good{i}.yaml": {**GOOD, "metadata": {"name": f"web{i}", "namespace": "others-only"}} for i in range(3)
}


@settings(max_examples=500, deadline=None)
@given(mutants())
def test_a_mutated_manifest_gives_pods_or_problems_and_disturbs_nobody(mutant: tuple[str, bytes]) -> None:
    name, content = mutant
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for other, pod in OTHERS.items():
            (folder / other).write_text(json.dumps(pod))
        before = read_folder(folder, node_name="node1")
        (folder / name).write_bytes(content)
        snapshot = read_folder(folder, node_name="node1")
    others = {key: pod for key, pod in snapshot.pods.items() if pod.source.partition(":")[0] in OTHERS}
    assert others == before.pods
    for problem in snapshot.problems:
        file, _, line = problem.source.partition(":")
        assert file == name
        assert (
            not line
            or 1 <= int(line) <= content.count(b"\n") + content.count(b"\r") + 2
            or not content.isascii()
        )
        assert problem.message
    assert snapshot.broken_files == ({name} if snapshot.problems else set())
    for pod in snapshot.pods.values():
        check_whole(pod.pod)


def check_whole(pod: core_v1.Pod) -> None:
    """What the agent relies on."""
    assert pod.metadata is not None
    assert pod.spec is not None
    assert pod.metadata.uid
    assert pod.spec.nodeName == "node1"
    assert pod.spec.containers
    assert all(container.name and container.image for container in pod.spec.containers)
    assert msgspec.convert(msgspec.to_builtins(pod), core_v1.Pod) == pod


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_a_running_pod_survives_every_mutation_of_its_file_that_breaks_it(data: st.DataObject) -> None:
    pod = data.draw(POD)
    name, content = written(pod, "block")
    with tempfile.TemporaryDirectory() as place:
        folder = ManifestFolder(Path(place), node_name="node1")
        (Path(place) / name).write_bytes(content)
        before = folder.read()
        (Path(place) / name).write_bytes(mutate_text(content, data.draw))
        after = folder.read()
    if after.broken_files:
        assert before.pods.keys() <= after.pods.keys()
    for key in before.pods.keys() - after.pods.keys():
        assert not after.broken_files, key
