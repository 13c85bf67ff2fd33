# SPDX-License-Identifier: Apache-2.0
"""Bad input: each fault names file, line and field, what was wrong and what is accepted."""

import json
from pathlib import Path

import pytest

from agent.sources.manifests import read_folder
from agent.sources.model import PodKey
from agent.sources.reading import MAX_BYTES, FileReading, read_manifest

HEAD = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n"
CONTAINER = "  - name: web\n    image: busybox:1\n"
GOOD = f"{HEAD}spec:\n  containers:\n{CONTAINER}"
SUBDOMAIN = (
    'a lowercase RFC 1123 subdomain: at most 253 characters, lower-case letters, digits, "-" and ".", '
)


def read(text: str | bytes, name: str = "web.yaml") -> FileReading:
    return read_manifest(name, text.encode() if isinstance(text, str) else text, "node1")


def spec(text: str) -> str:
    """A good pod with more lines in its spec, from line 9 on."""
    return f"{GOOD}{text}"


def metadata(text: str) -> str:
    """A good pod with more lines in its metadata, from line 5 on."""
    return f"{HEAD}{text}spec:\n  containers:\n{CONTAINER}"


def container(text: str) -> str:
    """A good pod with more lines in its container, from line 9 on."""
    return f"{GOOD}{text}"


SYNTAX = {
    "tab as indentation": (
        "apiVersion: v1\nmetadata:\n\tname: web\n",
        "web.yaml:3: broken YAML: a tab is used for indentation; accepted: spaces",
    ),
    "tab inside a text's indentation": (
        "kind: Pod\n\tname: web\n",
        "web.yaml:2: broken YAML: a tab is used for indentation; accepted: spaces",
    ),
    "unclosed double quote": (
        f'{HEAD}  labels: {{a: "b}}\nspec: 1\n',
        "web.yaml:5: broken YAML: a quote that is opened here is never closed",
    ),
    "unclosed single quote": (
        "kind: 'Pod\nspec: 1\n",
        "web.yaml:1: broken YAML: a quote that is opened here is never closed",
    ),
    "unclosed quote before a document": (
        "kind: 'Pod\n---\nspec: 1\n",
        "web.yaml:1: broken YAML: a quote that is opened here is never closed before the next document",
    ),
    "unclosed list": ("a: [1, 2\nb: 3\n", "web.yaml:1: broken YAML: a list that is opened with"),
    "unclosed object": ("kind: Pod\na: {b: 1\n", "web.yaml:2: broken YAML: an object that is opened with"),
    "wrong indentation": (
        "apiVersion: v1\nmetadata:\n  name: web\n namespace: x\n",
        "web.yaml:4: broken YAML: a key was expected; accepted: the same indentation as the keys around it",
    ),
    "item among keys": ("- a\nb: c\n", 'web.yaml:2: broken YAML: a list item was expected; accepted: "- "'),
    "two colons": ("a: b: c\n", 'web.yaml:1: broken YAML: ": " stands where no key can be; accepted: '),
    "no colon": ("apiVersion: v1\nkind Pod\n", "web.yaml:2: broken YAML: "),
    "reserved character": (
        "image: @latest\n",
        "web.yaml:1: broken YAML: a value cannot begin with '@'; accepted: the value in quotes",
    ),
    "alias of nothing": ("a: *nothing\n", "web.yaml:1: broken YAML: an alias (*name) without its anchor"),
    "unknown version": ("%YAML 3.0\n---\na: 1\n", "web.yaml:1: broken YAML: a YAML version"),
    "control character": (
        "a: ä\nb: \x01\n",
        "web.yaml:2: the character U+0001 is not allowed; accepted: printable text",
    ),
    "zero bytes": (
        b"\x7fELF\0\0",
        "web.yaml: the file is not text: it has zero bytes; accepted: YAML or JSON",
    ),
    "not UTF-8": (
        b"a: 1\nb: caf\xe9\n",
        "web.yaml:2: the file is not UTF-8: byte 0xe9 does not fit; accepted: UTF-8",
    ),
    "UTF-16": ("kind: Pod".encode("utf-16"), "web.yaml: the file is not text: it has zero bytes"),
    "empty": ("", "web.yaml: the file is empty; accepted: Pods, comments alone, or no file"),
    "blank": (" \n\t\n", "web.yaml: the file is empty"),
    "too large": (
        b"# " + b"x" * MAX_BYTES,
        f"web.yaml: the file is too large; accepted: at most {MAX_BYTES} bytes",
    ),
    "nested too deeply": (
        "\n" + "[" * 100_000,
        "web.yaml:2: nested too deeply, or an alias contains itself; accepted: at most 64 levels",
    ),
    "nested objects": ("{a: " * 70 + "}" * 70, "web.yaml:1: nested too deeply"),
    "alias in itself": ("a: &a\n  b: *a\n", "web.yaml:1: nested too deeply, or an alias contains itself"),
    "billion laughs": (
        "a: &a [x, x, x, x, x, x, x, x, x]\n"
        + "".join(
            f"{chr(98 + i)}: &{chr(98 + i)} [{', '.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(10)
        ),
        "aliases make the document too large; accepted: at most 10000 values through aliases",
    ),
    "json": ('{"a": 1,\n "b": }', "web.json:2: broken JSON: expecting value"),
    "json with a comment": ('{\n"a": 1 // one\n}', "web.json:2: broken JSON: expecting ',' delimiter"),
    "json infinity": ('{"a": Infinity}', "web.json:1: broken JSON: Infinity is no JSON number"),
    "json half a character": (r'{"a": "\ud83d"}', "web.json:1: broken JSON: half a surrogate pair"),
    "json nested too deeply": ("[" * 100_000, "web.json:1: broken JSON: nested too deeply"),
    "json a long number": ("[" + "9" * 5000 + "]", "web.json:1: broken JSON: "),
    "json nothing": ("  \n", "web.json: the file is empty"),
}


@pytest.mark.parametrize("name", SYNTAX)
def test_a_file_that_cannot_be_read_says_why_and_where(name: str) -> None:
    text, expected = SYNTAX[name]
    reading = read(text, "web.json" if name.startswith("json") else "web.yaml")
    assert reading.pods == ()
    assert len(reading.problems) == 1
    assert expected in str(reading.problems[0])


FIELDS = {
    "unknown field": (
        container("    imag: x\n"),
        'web.yaml:9: spec.containers[0].imag: unknown field "imag"; did you mean image?',
    ),
    "unknown field at the top": (f"{GOOD}spek: 1\n", 'web.yaml:9: spek: unknown field "spek"; did you mean spec?'),
    "repeated key": (
        container("    image: busybox:2\n"),
        'web.yaml:9: spec.containers[0].image: the key "image" is there twice, first at line 8; '
        "accepted: each key once",
    ),
    "key that is no text": (f"{GOOD}? [a]\n: b\n", "web.yaml:9: a list or an object is used as a key"),
    "foreign tag": (
        container("    tty: !ruby/object true\n"),
        "web.yaml:9: spec.containers[0].tty: the tag !ruby/object does not fit here; accepted: no tag, or one",
    ),
    "merge of a text": (container("    <<: text\n"), 'web.yaml:9: spec.containers[0][<<]: cannot merge "text"'),
    "no kind": ("apiVersion: v1\nmetadata: {}\n", "web.yaml:1: kind: Required value; accepted: Pod"),
    "lower-case kind": ("kind: pod\napiVersion: v1", 'web.yaml:1: kind: Unsupported value: "pod"; accepted: "Pod"'),
    "no apiVersion": ("kind: Pod\n", "web.yaml:1: apiVersion: Required value; accepted: v1"),
    "wrong apiVersion": (
        "kind: Pod\napiVersion: v2\n",
        'web.yaml:2: apiVersion: Unsupported value: "v2"; accepted: "v1"',
    ),
    "a Deployment": (
        "apiVersion: apps/v1\nkind: Deployment\nspec: {replicas: 3}\n",
        "web.yaml:2: kind: kind Deployment is not run by a node on its own; "
        "put a v1 Pod here, or give the Deployment to the API server",
    ),
    "a kind that is no text": ("kind: [Pod]", "web.yaml:1: kind: expected a string, found a list"),
    "a text": ("Pod\n", 'web.yaml:1: expected an object with apiVersion, kind, metadata and spec, found the text'),
    "a list": ("- Pod\n", "web.yaml:1: expected an object with apiVersion, kind, metadata and spec, found a list"),
    "no spec": (HEAD, "web.yaml:1: spec: Required value"),
    "no name": (
        f"apiVersion: v1\nkind: Pod\nspec:\n  containers:\n{CONTAINER}",
        "web.yaml:1: metadata.name: Required value; accepted: a lowercase RFC 1123 subdomain",
    ),
    "malformed name": (
        GOOD.replace("name: web", "name: Web_1", 1),
        f'web.yaml:4: metadata.name: Invalid value: "Web_1"; accepted: {SUBDOMAIN}',
    ),
    "malformed namespace": (
        metadata("  namespace: a.b\n"),
        'web.yaml:5: metadata.namespace: Invalid value: "a.b"; accepted: a lowercase RFC 1123 label',
    ),
    "name too long for the logs": (
        GOOD.replace("name: web", "name: " + "a" * 240, 1),
        "accepted: namespace and name of together at most 217 characters",
    ),
    "label value": (
        metadata("  labels:\n    tier: a b\n"),
        'web.yaml:6: metadata.labels.tier: Invalid value: "a b"; accepted: nothing, or at most 63',
    ),
    "label key": (
        metadata("  labels:\n    -tier: a\n"),
        'web.yaml:6: metadata.labels[-tier]: Invalid value: "-tier"; accepted: a name of at most 63',
    ),
    "label of a number": (
        metadata("  labels: {version: 1.10}\n"),
        "web.yaml:5: metadata.labels.version: expected a string, found the number 1.1; accepted: text in quotes",
    ),
    "no containers": (f"{HEAD}spec:\n  containers: []\n", "web.yaml:6: spec.containers: Required value; accepted: a l"),
    "no containers at all": (f"{HEAD}spec:\n  hostname: a\n", "web.yaml:5: spec.containers: Required value"),
    "two containers of one name": (
        spec("  - name: web\n    image: a\n"),
        'web.yaml:9: spec.containers[1].name: Duplicate value: "web"; accepted: a name that no other container',
    ),
    "no image": (spec("  - name: b\n"), "web.yaml:9: spec.containers[1].image: Required value"),
    "malformed image": (
        spec("  - name: b\n    image: Busybox\n"),
        "web.yaml:10: spec.containers[1].image: cannot read image reference 'Busybox': the name has upper-case "
        "letters; accepted: [registry[:port]/]name[:tag][@digest]",
    ),
    "image with spaces around": (
        spec('  - name: b\n    image: " a"\n'),
        'web.yaml:10: spec.containers[1].image: Invalid value: " a"; accepted: a reference without white space',
    ),
    "text as a port": (
        container('    ports: [{containerPort: "80"}]\n'),
        'web.yaml:9: spec.containers[0].ports[0].containerPort: expected an integer, found the text "80"; '
        "accepted: 80 without quotes",
    ),
    "port out of range": (
        container("    ports:\n    - containerPort: 80\n    - containerPort: 65536\n"),
        "web.yaml:11: spec.containers[0].ports[1].containerPort: Invalid value: 65536; accepted: between 1",
    ),
    "unknown protocol": (
        container("    ports: [{containerPort: 80, protocol: HTTP}]\n"),
        'web.yaml:9: spec.containers[0].ports[0].protocol: Unsupported value: "HTTP"; accepted: "TCP", "UDP", "SCTP"',
    ),
    "two ports of one name": (
        container("    ports:\n    - {containerPort: 80, name: a}\n    - {containerPort: 81, name: a}\n"),
        'web.yaml:11: spec.containers[0].ports[1].name: Duplicate value: "a"; accepted: a name that no other port',
    ),
    "malformed port name": (
        container("    ports:\n    - {containerPort: 80, name: '80'}\n"),
        'web.yaml:10: spec.containers[0].ports[0].name: Invalid value: "80"; accepted: at most 15 characters',
    ),
    "number as a variable": (
        container("    env:\n    - name: PORT\n      value: 8080\n"),
        "web.yaml:11: spec.containers[0].env[0].value: expected a string, found the number 8080; "
        'accepted: text in quotes: "8080"',
    ),
    "yes as a variable": (
        container("    env:\n    - {name: DEBUG, value: yes}\n"),
        "web.yaml:10: spec.containers[0].env[0].value: expected a string, found the boolean true; "
        "accepted: text in quotes (yes, no,",
    ),
    "malformed variable": (
        container("    env:\n    - {name: A=B}\n"),
        'web.yaml:10: spec.containers[0].env[0].name: Invalid value: "A=B"; accepted: printable ASCII',
    ),
    "malformed quantity": (
        container("    resources:\n      limits:\n        memory: 64MB\n"),
        "web.yaml:11: spec.containers[0].resources.limits.memory: cannot read quantity '64MB': 'MB' is no suffix; "
        "accepted: a number and one of n, u, m, k",
    ),
    "negative quantity": (
        container("    resources: {limits: {cpu: -1}}\n"),
        'web.yaml:9: spec.containers[0].resources.limits.cpu: Invalid value: "-1"; accepted: 0 or more',
    ),
    "request beyond the limit": (
        container("    resources:\n      limits: {cpu: 500m}\n      requests: {cpu: 1}\n"),
        'web.yaml:11: spec.containers[0].resources.requests.cpu: Invalid value: "1"; '
        "accepted: less than or equal to cpu limit of 500m",
    ),
    "resource that cannot be limited": (
        container("    resources: {limits: {ephemeral-storage: 1Gi}}\n"),
        "web.yaml:9: spec.containers[0].resources.limits.ephemeral-storage: is not supported by this version of "
        "the node; accepted: cpu, memory",
    ),
    "restart policy": (
        spec("  restartPolicy: always\n"),
        'web.yaml:9: spec.restartPolicy: Unsupported value: "always"; accepted: "Always", "OnFailure", "Never"',
    ),
    "pull policy": (
        container("    imagePullPolicy: Sometimes\n"),
        'web.yaml:9: spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes"; accepted: "Always", "If',
    ),
    "negative grace": (
        spec("  terminationGracePeriodSeconds: -1\n"),
        "web.yaml:9: spec.terminationGracePeriodSeconds: Invalid value: -1; accepted: a number of seconds from 0",
    ),
    "another node": (
        spec("  nodeName: node2\n"),
        'web.yaml:9: spec.nodeName: Invalid value: "node2"; accepted: the name of this node, node1, or nothing',
    ),
    "a volume of a driver": (
        spec("  volumes: [{name: a, csi: {driver: d}}]\n"),
        "web.yaml:9: spec.volumes[0].csi: is not supported by this version of the node; accepted: configMap,",
    ),
    "users of its own": (
        spec("  hostUsers: false\n"),
        "web.yaml:9: spec.hostUsers: false is not supported by this version of the node; accepted: true",
    ),
    "a block device": (
        container("    volumeDevices: [{name: a, devicePath: /dev/a}]\n"),
        "web.yaml:9: spec.containers[0].volumeDevices: is not supported by this version of the node; accepted: volumeM",
    ),
    "a stop signal": (
        container("    lifecycle: {stopSignal: SIGUSR1}\n"),
        "web.yaml:9: spec.containers[0].lifecycle.stopSignal: is not supported by this version of the node; "
        "accepted: STOPSIGNAL of the image",
    ),
    "rules of restarting": (
        container("    restartPolicyRules: [{action: Restart}]\n"),
        "web.yaml:9: spec.containers[0].restartPolicyRules: is not supported by this version of the node",
    ),
    "generated name": (
        GOOD.replace("name: web", "generateName: web-", 1),
        "web.yaml:4: metadata.generateName: is not supported by this version of the node; accepted: metadata.name",
    ),
    "DNS without servers": (
        spec("  dnsPolicy: None\n"),
        "web.yaml:5: spec.dnsConfig.nameservers: Required value; accepted: at least one address",
    ),
    "malformed DNS server": (
        spec("  dnsPolicy: None\n  dnsConfig: {nameservers: [10.0.0.256]}\n"),
        'web.yaml:10: spec.dnsConfig.nameservers[0]: Invalid value: "10.0.0.256"; accepted: an IPv4 or IPv6 address',
    ),
    "Windows": (
        spec("  os: {name: windows}\n"),
        'web.yaml:9: spec.os.name: "windows" is not supported by this version of the node; accepted: "linux"',
    ),
    "item of a list": (
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  metadata: {name: A}\n"
        "  spec:\n    containers: [{name: a, image: b}]\n",
        'web.yaml:6: items[0].metadata.name: Invalid value: "A"; accepted: ',
    ),
    "item that is nothing": ("apiVersion: v1\nkind: List\nitems: [null]\n", "web.yaml:3: items[0]: expected an object"),
    "list without items": ("apiVersion: v1\nkind: List\n", "web.yaml:1: items: Required value; accepted: a list of"),
    "list of something else": (
        "apiVersion: v1\nkind: List\nitems: {}\n",
        "web.yaml:3: items: expected a list, found an object",
    ),
    "unknown field of a list": (
        "apiVersion: v1\nkind: List\nitem: []\nitems: []\n",
        'web.yaml:3: item: unknown field "item"; did you mean items?',
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FIELDS)
def test_each_fault_of_a_pod_is_named(name: str) -> None:
    text, expected = FIELDS[name]
    reading = read(text)
    named = [str(problem) for problem in reading.problems]
    assert any(expected in line for line in named), named
    assert reading.pods == ()


def test_one_fault_is_one_problem() -> None:
    several = {"no name", "lower-case kind", "generated name", "no kind"}
    for name, (text, _) in FIELDS.items():
        found = read(text).problems
        assert len(found) == 1 or name in several, (name, found)


def test_all_faults_of_a_file_are_named_in_the_order_of_their_lines() -> None:
    text = container("    imag: x\n    tty: 7\n") + "  hostname: A\n---\nkind: Pod\n---\n" + GOOD
    reading = read(text)
    assert [(p.source, p.field) for p in reading.problems] == [
        ("web.yaml:9", "spec.containers[0].imag"),
        ("web.yaml:10", "spec.containers[0].tty"),
        ("web.yaml:11", "spec.hostname"),
        ("web.yaml:13", "apiVersion"),
    ]
    assert [pod.source for pod in reading.pods] == ["web.yaml:15"]


def test_a_file_of_faults_does_not_fill_the_screen() -> None:
    reading = read("kind: Pod\napiVersion: v1\n" + "".join(f"unknown{i}: 1\n" for i in range(2000)))
    assert len(reading.problems) == 51
    assert str(reading.problems[-1]).endswith("more problems are not shown")


def test_json_faults_have_their_lines_too() -> None:
    data = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web"},
        "spec": {"containers": [{"name": "web", "image": "a", "tty": 1}]},
    }
    text = json.dumps(data, indent="\t")
    line = text[: text.index('"tty"')].count("\n") + 1
    assert str(read(text, "web.json").problems[0]).startswith(
        f"web.json:{line}: spec.containers[0].tty: expected"
    )
    good = text.replace('"tty": 1', '"tty": true')
    second = read(f"{good}\n{text}", "web.json")
    assert [p.source for p in second.problems] == [f"web.json:{text.count(chr(10)) + 1 + line}"]
    assert [pod.source for pod in second.pods] == ["web.json:1"]


def test_json_with_a_repeated_key() -> None:
    text = '{"apiVersion": "v1",\n "kind": "Pod",\n "kind": "Pod"}'
    assert any(
        str(p) == 'web.json:3: kind: the key "kind" is there twice, first at line 2; accepted: each key once'
        for p in read(text, "web.json").problems
    )
    emoji = r'{"apiVersion": "v1", "kind": "Pod", "a\ud83d\ude00": 1, "a\ud83d\ude00": 1}'
    assert 'the key "a😀" is there twice' in str(read(emoji, "web.json").problems[0])


BOMBS = {
    "open lists": "a: " + "[" * (MAX_BYTES - 10),
    "small items": "- a\n" * (MAX_BYTES // 4),
    "small aliases": "x: &a b\n" + "".join(f"k{i}: *a\n" for i in range(60_000)),
    "unknown fields": "kind: Pod\napiVersion: v1\n" + "".join(f"{i:x}: 1\n" for i in range(90_000)),
    "one long number": "kind: " + "9" * (MAX_BYTES - 100),
    "one long image": GOOD.replace("busybox:1", "a-" * (MAX_BYTES // 2 - 200)),
    "one long name": GOOD.replace("name: web", "name: " + "a." * (MAX_BYTES // 2 - 200)),
}


@pytest.mark.parametrize("name", BOMBS)
def test_large_input_is_answered(name: str) -> None:
    """Each takes well under a second; with a cost that grows by the square they would not end."""
    reading = read(BOMBS[name])
    assert reading.pods == ()
    assert 0 < len(reading.problems) <= 51
    assert all(len(str(problem)) < 2000 for problem in reading.problems)


def test_the_rest_of_the_folder_is_unharmed(tmp_path: Path) -> None:
    texts = [*SYNTAX.values(), *FIELDS.values()]
    for index, (text, _) in enumerate(texts):
        path = tmp_path / f"bad{index}.yaml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        (tmp_path / f"good{index}.yaml").write_text(GOOD.replace("name: web", f"name: web{index}", 1))
    snapshot = read_folder(tmp_path, node_name="node1")
    assert set(snapshot.pods) == {PodKey("default", f"web{index}") for index in range(len(texts))}
    bad = {f"bad{index}.yaml" for index in range(len(texts))}
    assert {problem.source.partition(":")[0] for problem in snapshot.problems} == bad
    assert snapshot.broken_files == bad
