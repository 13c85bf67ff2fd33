# SPDX-License-Identifier: Apache-2.0
"""One call of the plugin as the runtime made it: environment variables and standard input, checked.

Source: CNI specification, section 2, "Parameters"; which verb needs which variable is one table.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from netplugin.errors import ConfigError, DecodeError, EnvironmentVariableError, IncompatibleVersionError
from netplugin.model import Attachment, Json, Pod

SUPPORTED_VERSIONS = ("0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")
NEWEST = SUPPORTED_VERSIONS[-1]


class Verb(StrEnum):
    """CNI_COMMAND."""

    ADD = "ADD"
    DEL = "DEL"
    CHECK = "CHECK"
    VERSION = "VERSION"
    STATUS = "STATUS"
    GC = "GC"


# The version of the specification that brought the verb.
SINCE = {Verb.CHECK: "0.4.0", Verb.STATUS: "1.1.0", Verb.GC: "1.1.0"}

NEEDED = {
    Verb.ADD: ("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"),
    Verb.DEL: ("CNI_CONTAINERID", "CNI_IFNAME"),
    Verb.CHECK: ("CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"),
    Verb.VERSION: (),
    Verb.STATUS: (),
    Verb.GC: (),
}

_IDENTIFIER = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.\-]*")
_POD_ARGS = {"K8S_POD_NAMESPACE": "namespace", "K8S_POD_NAME": "name", "K8S_POD_UID": "uid"}
_OTHER_ARGS = frozenset({"IgnoreUnknown", "K8S_POD_INFRA_CONTAINER_ID", "IP"})


@dataclass(frozen=True, slots=True)
class Request:
    """A checked call; `config` is standard input as JSON, not yet checked beyond version and name."""

    verb: Verb
    version: str
    kind: str
    config: Json
    attachment: Attachment
    netns: str
    pod: Pod
    args: Mapping[str, str]


def read_request(environ: Mapping[str, str], stdin: bytes) -> Request:
    """Check environment and standard input of any verb but VERSION; raise what is wrong with them."""
    verb = read_verb(environ)
    config = read_json(stdin)
    version = _read_version(config, verb)
    for name in NEEDED[verb]:
        if not environ.get(name):
            raise EnvironmentVariableError(f"cannot {verb}: {name} is not set")
    container_id, ifname = environ.get("CNI_CONTAINERID", ""), environ.get("CNI_IFNAME", "")
    _check_container_id(verb, container_id)
    _check_ifname(verb, ifname)
    args = _read_args(environ.get("CNI_ARGS", ""))
    pod = Pod(**{field: args[name] for name, field in _POD_ARGS.items() if name in args})
    attachment = Attachment(read_name(config), container_id, ifname)
    kind = str(config.get("type", ""))
    return Request(verb, version, kind, config, attachment, environ.get("CNI_NETNS", ""), pod, args)


def read_verb(environ: Mapping[str, str]) -> Verb:
    """CNI_COMMAND as a verb."""
    value = environ.get("CNI_COMMAND", "")
    try:
        return Verb(value)
    except ValueError:
        accepted = ", ".join(Verb)
        raise EnvironmentVariableError(f"CNI_COMMAND is {value!r}: accepted are {accepted}") from None


def read_json(stdin: bytes) -> Json:
    """Standard input as a JSON object."""
    try:
        config = json.loads(stdin)
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"cannot read the network config on standard input: not JSON: {error}") from error
    if not isinstance(config, dict):
        kind = type(config).__name__
        raise DecodeError(
            f"cannot read the network config on standard input: a JSON object is needed, not {kind}"
        )
    return config


def read_name(config: Json) -> str:
    """The network's name, which is also the name of a folder and part of a chain's name."""
    name = config.get("name")
    if not isinstance(name, str) or not _IDENTIFIER.fullmatch(name) or len(name) > 64:
        raise ConfigError(
            f"name is {name!r}: accepted are 1 to 64 of letters, digits, '_', '.', '-', a letter or digit first"
        )
    return name


def _read_version(config: Json, verb: Verb) -> str:
    version = config.get("cniVersion", "0.1.0")
    if version not in SUPPORTED_VERSIONS:
        accepted = ", ".join(SUPPORTED_VERSIONS)
        raise IncompatibleVersionError(f"cniVersion is {version!r}: accepted are {accepted}")
    since = SINCE.get(verb, "0")
    if SUPPORTED_VERSIONS.index(version) < (SUPPORTED_VERSIONS.index(since) if verb in SINCE else 0):
        raise IncompatibleVersionError(
            f"cannot {verb}: cniVersion is {version}, and {verb} came with {since}"
        )
    return str(version)


def _check_container_id(verb: Verb, value: str) -> None:
    if value and not _IDENTIFIER.fullmatch(value):
        raise EnvironmentVariableError(
            f"cannot {verb}: CNI_CONTAINERID is {value!r}: accepted are letters, digits, '_', '.' and '-', "
            "beginning with a letter or digit"
        )


def _check_ifname(verb: Verb, value: str) -> None:
    """The kernel's rule for interface names (dev_valid_name)."""
    if not value:
        return
    if len(value.encode()) > 15 or value in {".", ".."} or re.search(r"[/:\s]", value):
        raise EnvironmentVariableError(
            f"cannot {verb}: CNI_IFNAME is {value!r}: accepted are 1 to 15 bytes without '/', ':' and blanks"
        )


def _read_args(text: str) -> dict[str, str]:
    """CNI_ARGS, e.g. "K8S_POD_NAME=web;IgnoreUnknown=1"."""
    args: dict[str, str] = {}
    for pair in filter(None, text.split(";")):
        name, equals, value = pair.partition("=")
        if not equals:
            raise EnvironmentVariableError(f"CNI_ARGS has {pair!r}: accepted is NAME=VALUE;NAME=VALUE")
        args[name] = value
    unknown = sorted(args.keys() - _POD_ARGS.keys() - _OTHER_ARGS)
    if unknown and args.get("IgnoreUnknown", "").lower() not in {"1", "true"}:
        raise EnvironmentVariableError(
            f"CNI_ARGS has the unknown name {unknown[0]!r} without IgnoreUnknown=1"
        )
    return args
