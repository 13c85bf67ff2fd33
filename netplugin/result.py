# SPDX-License-Identifier: Apache-2.0
"""What goes to standard output, in the shape of each version of the specification.

0.3.x and 0.4.0 give each address its IP version; 1.0.0 dropped that; 1.1.0 added the interface's MTU.
"""

from netplugin import names
from netplugin.errors import NetpluginError
from netplugin.model import Json
from netplugin.plan import Wish
from netplugin.request import NEWEST, SUPPORTED_VERSIONS

POD_INTERFACE = 2
"""Index of the pod's interface in the result, after bridge and node's end as in the reference plugin."""


def add_result(wish: Wish, bridge_mac: str, mtu: int) -> Json:
    """The result of ADD; mtu is that of the pair, in bytes."""
    version = wish.config.version
    interfaces: list[Json] = [
        {"name": wish.config.bridge, "mac": bridge_mac},
        {"name": wish.host_veth, "mac": names.host_mac(wish.attachment)},
        {"name": wish.attachment.ifname, "mac": wish.pod_mac, "sandbox": wish.netns},
    ]
    if version == "1.1.0":
        for interface in interfaces[1:]:
            interface["mtu"] = mtu
    return {
        "cniVersion": version,
        "interfaces": interfaces,
        "ips": [
            _ip(version, str(pool.interface(one.address)), POD_INTERFACE, str(pool.gateway))
            for pool, one in wish.addresses
        ],
        "routes": [{"dst": str(route.dst), "gw": str(route.gateway)} for route in wish.routes],
        "dns": wish.config.dns,
    }


def loopback_result(version: str, netns: str, addresses: list[str]) -> Json:
    """The result of ADD of the loopback plugin."""
    return {
        "cniVersion": version,
        "interfaces": [{"name": "lo", "mac": "00:00:00:00:00:00", "sandbox": netns}],
        "ips": [_ip(version, address, 0, "") for address in addresses],
        "dns": {},
    }


def version_result(asked: str) -> Json:
    """The answer to VERSION, in the asked version where it is one that we have."""
    return {
        "cniVersion": asked if asked in SUPPORTED_VERSIONS else NEWEST,
        "supportedVersions": list(SUPPORTED_VERSIONS),
    }


def error_result(version: str, error: NetpluginError) -> Json:
    """An error as the specification wants it on standard output."""
    result: Json = {"cniVersion": version, "code": error.code, "msg": str(error)}
    if error.details:
        result["details"] = error.details
    return result


def _ip(version: str, address: str, interface: int, gateway: str) -> Json:
    ip: Json = {"address": address, "interface": interface}
    if gateway:
        ip["gateway"] = gateway
    if version < "1.0.0":
        ip["version"] = "6" if ":" in address else "4"
    return ip
