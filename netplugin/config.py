# SPDX-License-Identifier: Apache-2.0
"""From the plugin's section of a conflist to values, strictly: what we do not know is refused by name.

Keys of the specification and those that runtimes add are known; keys that begin with "cni.dev/" are
reserved by it.
"""

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TypeGuard

from netplugin.errors import ConfigError, UnsupportedFieldError
from netplugin.model import Address, HostPort, Json, Network, NetworkConfig
from netplugin.ranges import read_ranges
from netplugin.request import Request, read_name

OWN_KEYS = frozenset({"bridge", "gcMinAge", "ipMasq", "mtu", "nonMasqueradeCIDRs", "ranges", "stateDir"})
SPEC_KEYS = frozenset(
    {"args", "capabilities", "cniVersion", "dns", "name", "prevResult", "runtimeConfig", "type"}
)

CAPABILITIES = ("ips", "portMappings")
"""What a runtime may ask for by capability args."""

DEFAULT_GC_MIN_AGE = 60.0
MTU_ACCEPTED = range(576, 65536)
PORTS = range(1, 65536)
PROTOCOLS = ("tcp", "udp", "sctp")


@dataclass(frozen=True, slots=True)
class Settings:
    """What `install` writes onto a node: one network of this plugin, and where things lie.

    One pod CIDR per IP version at most makes a dual-stack network of two; several of one version give every
    pod several addresses. mtu is in bytes, 0 leaves the kernel's default; gc_min_age is in seconds.
    containerd 1.6 reads configs up to cniVersion 1.0.0.
    """

    pod_cidrs: tuple[str, ...]
    state_dir: Path
    socket: Path
    cni_bin_dir: Path
    cni_conf_dir: Path
    network: str = "orlop"
    bridge: str = "orlop0"
    non_masquerade_cidrs: tuple[str, ...] = ()
    mtu: int = 0
    cni_version: str = "1.0.0"
    gc_min_age: float = DEFAULT_GC_MIN_AGE


def plugin_section(settings: Settings) -> Json:
    """The plugin's section of the conflist, every value written out."""
    return {
        "type": "orlop",
        "bridge": settings.bridge,
        "mtu": settings.mtu,
        "ranges": [{"subnet": cidr} for cidr in settings.pod_cidrs],
        "ipMasq": True,
        "nonMasqueradeCIDRs": list(settings.non_masquerade_cidrs),
        "stateDir": str(settings.state_dir),
        "gcMinAge": settings.gc_min_age,
        "capabilities": {"ips": True, "portMappings": True},
    }


def network_of(settings: Settings) -> NetworkConfig:
    """The settings as the plugin will read them back; raises ConfigError for impossible ones."""
    return read_config(
        {"cniVersion": settings.cni_version, "name": settings.network, **plugin_section(settings)},
    )


def read_config(config: Json) -> NetworkConfig:
    """Check the whole section."""
    _refuse_unknown(config)
    return NetworkConfig(
        name=read_name(config),
        version=str(config.get("cniVersion", "")),
        bridge=_read_bridge(config),
        ranges=read_ranges(config.get("ranges")),
        state_dir=read_state_dir(config),
        mtu=_read_mtu(config),
        ip_masq=_read_bool(config, "ipMasq"),
        non_masquerade=tuple(_read_network(item) for item in _read_list(config, "nonMasqueradeCIDRs")),
        gc_min_age=_read_age(config),
        dns=_read_object(config, "dns"),
    )


def read_state_dir(config: Json) -> Path:
    """The one key that DEL needs beside the name."""
    value = config.get("stateDir")
    if not isinstance(value, str) or not value.startswith("/") or "\0" in value:
        raise ConfigError(f"stateDir is {value!r}: an absolute path is needed")
    return Path(value)


def read_wanted_addresses(request: Request) -> tuple[Address, ...]:
    """Addresses that the runtime asks for by name.

    By the conventions of CNI: capability "ips" (addresses with or without a prefix length), args.cni.ips,
    or IP= in CNI_ARGS; the first of these that is there counts.
    """
    runtime = _read_object(request.config, "runtimeConfig")
    _refuse_unsupported_capabilities(runtime)
    args = _read_object(request.config, "args").get("cni")
    wanted = _read_list(runtime, "ips") or (_read_list(args, "ips") if isinstance(args, dict) else ())
    if not wanted and "IP" in request.args:
        wanted = tuple(request.args["IP"].split(","))
    return tuple(_read_address(item) for item in wanted)


def read_host_ports(request: Request) -> tuple[HostPort, ...]:
    """The node's ports that the runtime asks for (capability "portMappings").

    hostPort 0 asks for none; hostIP 0.0.0.0, like none, means every address.
    """
    runtime = _read_object(request.config, "runtimeConfig")
    ports = [_read_host_port(item) for item in _read_list(runtime, "portMappings")]
    return tuple(dict.fromkeys(port for port in ports if port.host_port))


def _read_host_port(item: object) -> HostPort:
    if isinstance(item, dict):
        # containerd 1.6 writes the names of Go's fields ("HostPort"), which Go reads as well as any case.
        fields = {str(key).lower(): value for key, value in item.items()}
        inner, outer = fields.get("containerport"), fields.get("hostport", 0)
        protocol = str(fields.get("protocol", "tcp")).lower()
        if _is_port(inner) and (_is_port(outer) or outer == 0) and protocol in PROTOCOLS:
            address = _read_address(fields["hostip"]) if fields.get("hostip") else None
            any_address = address is None or address.is_unspecified
            return HostPort(None if any_address else address, outer, protocol, inner)
    raise ConfigError(
        f"portMappings has {item!r}: an object with containerPort and hostPort (1 to 65535), protocol "
        f"({', '.join(PROTOCOLS)}) and hostIP is needed"
    )


def _is_port(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value in PORTS


def read_valid_attachments(config: Json) -> frozenset[tuple[str, str]]:
    """GC: (container ID, interface) of every attachment that lives.

    Early releases of the reference library wrote "cni.dev/attachments"; later ones write both keys.
    """
    value = config.get("cni.dev/valid-attachments", config.get("cni.dev/attachments"))
    if not isinstance(value, list):
        raise ConfigError(f"cni.dev/valid-attachments is {value!r}: a list is needed, if only an empty one")
    return frozenset(_read_valid_attachment(item) for item in value)


def _read_valid_attachment(item: object) -> tuple[str, str]:
    match item:
        case {"containerID": str() as container_id, "ifname": str() as ifname}:
            return container_id, ifname
    raise ConfigError(
        f"cni.dev/valid-attachments has {item!r}: an object with the strings containerID and ifname is needed"
    )


def _refuse_unknown(config: Json) -> None:
    for key, value in config.items():
        if key in OWN_KEYS or key in SPEC_KEYS or key.startswith("cni.dev/"):
            continue
        hint = "addresses are given by this plugin itself from 'ranges'" if key == "ipam" else _accepted()
        raise UnsupportedFieldError(f"unsupported field {key}={value!r}: {hint}")


def _accepted() -> str:
    return f"accepted are {', '.join(sorted(OWN_KEYS))} and the keys of the CNI specification"


def _refuse_unsupported_capabilities(runtime: Json) -> None:
    for key, value in runtime.items():
        if key not in CAPABILITIES:
            raise UnsupportedFieldError(
                f"unsupported field runtimeConfig.{key}={value!r}: accepted are {', '.join(CAPABILITIES)}"
            )


def _read_bridge(config: Json) -> str:
    value = config.get("bridge", "orlop0")
    if not isinstance(value, str) or not 1 <= len(value.encode()) <= 15 or set(value) & set("/: \t\n"):
        raise ConfigError(
            f"bridge is {value!r}: an interface name of 1 to 15 bytes without '/', ':' and blanks is needed"
        )
    return value


def _read_mtu(config: Json) -> int:
    value = config.get("mtu", 0)
    if isinstance(value, bool) or not isinstance(value, int) or (value and value not in MTU_ACCEPTED):
        accepted = f"{MTU_ACCEPTED.start} to {MTU_ACCEPTED.stop - 1} bytes, or 0 for the kernel's default"
        raise ConfigError(f"mtu is {value!r}: accepted are {accepted}")
    return value


def _read_age(config: Json) -> float:
    value = config.get("gcMinAge", DEFAULT_GC_MIN_AGE)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise ConfigError(f"gcMinAge is {value!r}: seconds are needed, 0 or more")
    return float(value)


def _read_bool(config: Json, key: str) -> bool:
    value = config.get(key, False)
    if not isinstance(value, bool):
        raise ConfigError(f"{key} is {value!r}: true or false is needed")
    return value


def _read_object(config: Json, key: str) -> Json:
    value = config.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ConfigError(f"{key} is {value!r}: an object is needed")
    return value


def _read_list(config: Json, key: str) -> tuple[object, ...]:
    value = config.get(key)
    if value is None:
        return ()
    if not isinstance(value, list):
        raise ConfigError(f"{key} is {value!r}: a list is needed")
    return tuple(value)


def _read_network(value: object) -> Network:
    try:
        return ip_network(str(value))
    except ValueError as error:
        raise ConfigError(
            f"nonMasqueradeCIDRs has {value!r}: a subnet like 10.244.0.0/16 is needed: {error}"
        ) from error


def _read_address(value: object) -> Address:
    try:
        return ip_address(str(value).strip().partition("/")[0])
    except ValueError as error:
        raise ConfigError(f"the address {value!r} that was asked for is no IP address") from error
