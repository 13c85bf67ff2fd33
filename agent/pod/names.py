# SPDX-License-Identifier: Apache-2.0
"""What a pod is called, and whom its containers know by name: hostname, /etc/hosts, resolv.conf.

Formats and limits are the kubelet's (pkg/kubelet/kubelet_pods.go, network/dns).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from lightkube.models import core_v1

from agent.cgroup.resources import spec_of
from agent.errors import OperationError
from cri.model import DnsConfig

_LONGEST_LABEL: Final = 63
_LONGEST_HOSTNAME: Final = 64
"""HOST_NAME_MAX of Linux, sethostname(2)."""
MAX_NAMESERVERS: Final = 3
MAX_SEARCHES: Final = 32
MAX_SEARCH_LENGTH: Final = 2048
_CLUSTER_OPTION: Final = "ndots:5"

_HEADER: Final = "# Kubernetes-managed hosts file.\n"
_HOST_HEADER: Final = "# Kubernetes-managed hosts file (host network).\n"
_LOCAL: Final = (
    "127.0.0.1\tlocalhost\n"
    "::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::0\tip6-localnet\n"
    "fe00::0\tip6-mcastprefix\n"
    "fe00::1\tip6-allnodes\n"
    "fe00::2\tip6-allrouters\n"
)
_ALIASES: Final = "\n# Entries added by HostAliases.\n"


@dataclass(frozen=True, slots=True)
class PodName:
    """hostname is what a process is told first; domain is "" for a pod without a subdomain."""

    hostname: str
    domain: str = ""

    @property
    def fqdn(self) -> str:
        """Host name and domain, "" when there is no domain."""
        return f"{self.hostname}.{self.domain}" if self.domain else ""


def pod_name(pod: core_v1.Pod, cluster_domain: str) -> PodName:
    """From hostnameOverride, or hostname and subdomain, or the pod's name."""
    spec, metadata = spec_of(pod), pod.metadata
    if spec.hostnameOverride:
        return PodName(spec.hostnameOverride)
    hostname = _shortened(spec.hostname or (metadata and metadata.name) or "")
    namespace = (metadata and metadata.namespace) or "default"
    return PodName(hostname, f"{spec.subdomain}.{namespace}.svc.{cluster_domain}" if spec.subdomain else "")


def check_hostname(hostname: str) -> None:
    """Raises OperationError for a sandbox's hostname that Linux cannot set; asked before the sandbox is run."""
    if len(hostname) > _LONGEST_HOSTNAME:
        text = (
            f"Failed to construct FQDN from Pod hostname and cluster domain, FQDN {hostname} is too long "
            f"({_LONGEST_HOSTNAME} characters is the max, {len(hostname)} characters requested)"
        )
        raise OperationError("FailedCreatePodSandBox", text)


def sandbox_hostname(pod: core_v1.Pod, cluster_domain: str) -> str:
    """What the sandbox's hostname is set to; "" in the node's network, where it is the node's."""
    spec = spec_of(pod)
    if spec.hostNetwork:
        return ""
    name = pod_name(pod, cluster_domain)
    return name.fqdn if spec.setHostnameAsFQDN and name.fqdn else name.hostname


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_LABEL else name[:_LONGEST_LABEL].rstrip("-.")


def hosts_file(pod: core_v1.Pod, pod_ips: Sequence[str], cluster_domain: str, node_hosts: str) -> str:
    """The text of /etc/hosts; node_hosts is the node's own file, which pods in its network get a copy of."""
    spec = spec_of(pod)
    if spec.hostNetwork:
        return _HOST_HEADER + node_hosts + _aliases(spec.hostAliases or ())
    name = pod_name(pod, cluster_domain)
    words = f"{name.fqdn}\t{name.hostname}" if name.fqdn else name.hostname
    own = "".join(f"{ip}\t{words}\n" for ip in pod_ips)
    return _HEADER + _LOCAL + own + _aliases(spec.hostAliases or ())


def _aliases(aliases: Iterable[core_v1.HostAlias]) -> str:
    lines = "".join("\t".join((alias.ip, *(alias.hostnames or ()))) + "\n" for alias in aliases)
    return _ALIASES + lines if lines else ""


@dataclass(frozen=True, slots=True)
class Dns:
    """What goes into a pod's resolv.conf, and sentences about what did not fit in."""

    config: DnsConfig
    omissions: tuple[str, ...] = ()


def parse_resolv_conf(text: str) -> DnsConfig:
    """The node's resolv.conf (resolv.conf(5)); of several search and options lines the last counts."""
    servers: list[str] = []
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    for line in text.splitlines():
        words = re.split(r"[#;]", line, maxsplit=1)[0].split()
        match words:
            case ["nameserver", address, *_]:
                servers.append(address)
            case ["search" | "domain", *domains]:
                searches = tuple(domain.rstrip(".") or "." for domain in domains)
            case ["options", *given]:
                options = tuple(given)
    return DnsConfig(tuple(servers), searches, options)


def dns_config(
    pod: core_v1.Pod, cluster_dns: Sequence[str], cluster_domain: str, node: DnsConfig
) -> DnsConfig:
    """What the runtime writes into the pod's resolv.conf, by dnsPolicy and dnsConfig."""
    return dns(pod, cluster_dns, cluster_domain, node).config


def dns(pod: core_v1.Pod, cluster_dns: Sequence[str], cluster_domain: str, node: DnsConfig) -> Dns:
    """The same with what had to be left out: libc reads 3 servers, 32 domains of 2048 characters together.

    node is what the node's own resolv.conf says. Without cluster_dns a pod that wants it gets the node's, as with the
    kubelet.
    """
    spec = spec_of(pod)
    namespace = (pod.metadata and pod.metadata.namespace) or "default"
    if spec.dnsPolicy == "None":
        base = DnsConfig()
    elif _wants_cluster(spec) and cluster_dns:
        base = _cluster(namespace, cluster_dns, cluster_domain, node)
    else:
        base = node
    return _limited(_merged(base, spec.dnsConfig))


def misses_cluster_dns(pod: core_v1.Pod, cluster_dns: Sequence[str]) -> bool:
    """Whether the pod asks for the cluster's DNS and this node knows none (the Event MissingClusterDNS)."""
    return _wants_cluster(spec_of(pod)) and not cluster_dns


def _wants_cluster(spec: core_v1.PodSpec) -> bool:
    policy = spec.dnsPolicy or "ClusterFirst"
    return policy == "ClusterFirstWithHostNet" or (policy == "ClusterFirst" and not spec.hostNetwork)


def _cluster(namespace: str, servers: Sequence[str], domain: str, node: DnsConfig) -> DnsConfig:
    own = (f"{namespace}.svc.{domain}", f"svc.{domain}", domain) if domain else ()
    return DnsConfig(tuple(servers), _once((*own, *node.searches)), (_CLUSTER_OPTION,))


def _merged(base: DnsConfig, more: core_v1.PodDNSConfig | None) -> DnsConfig:
    if more is None:
        return base
    options = dict(_split(option) for option in base.options)
    options |= {option.name or "": option.value for option in more.options or ()}
    return DnsConfig(
        _once((*base.servers, *(more.nameservers or ()))),
        _once((*base.searches, *(more.searches or ()))),
        tuple(name if value is None else f"{name}:{value}" for name, value in options.items()),
    )


def _split(option: str) -> tuple[str, str | None]:
    name, colon, value = option.partition(":")
    return name, value if colon else None


def _once(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))


def _limited(config: DnsConfig) -> Dns:
    servers, searches = config.servers[:MAX_NAMESERVERS], _fitting(config.searches)
    omissions = []
    if servers != config.servers:
        omissions.append(
            "Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: "
            + " ".join(servers)
        )
    if searches != config.searches:
        omissions.append(
            "Search Line limits were exceeded, some search paths have been omitted, the applied search line is: "
            + " ".join(searches)
        )
    return Dns(DnsConfig(servers, searches, config.options), tuple(omissions))


def _fitting(searches: tuple[str, ...]) -> tuple[str, ...]:
    fitting = searches[:MAX_SEARCHES]
    while len(" ".join(fitting)) > MAX_SEARCH_LENGTH:
        fitting = fitting[:-1]
    return fitting
