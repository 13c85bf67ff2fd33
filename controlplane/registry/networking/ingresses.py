# SPDX-License-Identifier: Apache-2.0
"""Ingress."""

from collections.abc import Mapping
from typing import ClassVar, Final

from lightkube.resources import networking_v1

from controlplane.registry.columns import AGE, NAME, computed, text
from controlplane.registry.data import Json, items, look
from controlplane.registry.derive import derive
from controlplane.registry.humanize import load_balancer, some
from controlplane.registry.meta_checks import check_port
from controlplane.registry.strategy import KindStrategy, Problems
from kube.names import DNS_1035_LABEL, DNS_SUBDOMAIN, PORT_NAME
from kube.problem import Path, forbidden, invalid, refused, required, unsupported

PATH_TYPES: Final = ("Exact", "ImplementationSpecific", "Prefix")
_MOST: Final = 3


class IngressStrategy(KindStrategy):
    """Rules that lead to Services."""

    has_generation = True
    spec_defaults: ClassVar[Mapping[str, object] | None] = {}
    initial_status: ClassVar[Json | None] = {"loadBalancer": {}}

    def problems(self, obj: Json) -> Problems:
        """A rule or a default, hosts that are names, paths, and backends that are one thing."""
        default, rules = look(obj, "spec", "defaultBackend"), items(obj, "spec", "rules")
        if default is None and not rules:
            yield refused(("spec",), [], "either `defaultBackend` or `rules` must be specified")
        if default is not None:
            yield from _backend(default, ("spec", "defaultBackend"))
        for index, rule in enumerate(rules):
            at: Path = ("spec", "rules", index)
            yield from check_host(rule.get("host") or "", (*at, "host"))
            for number, path in enumerate(items(rule, "http", "paths")):
                yield from _path(path, (*at, "http", "paths", number))
        for index, tls in enumerate(items(obj, "spec", "tls")):
            for number, host in enumerate(items(tls, "hosts")):
                yield from check_host(host, ("spec", "tls", index, "hosts", number))


def check_host(host: str, path: Path) -> Problems:
    """A DNS name, the first label of which may be "*"; an address is refused."""
    if not host:
        return
    name = host.removeprefix("*.")
    if host.replace(".", "").isdecimal() or ":" in host:
        yield invalid(path, host, "a DNS name, not an IP address")
    elif not DNS_SUBDOMAIN.fits(name):
        yield invalid(path, host, f'{DNS_SUBDOMAIN.accepted}; the first part may be "*"')


def _path(path: Json, at: Path) -> Problems:
    kind, text_ = path.get("pathType"), path.get("path") or ""
    if kind not in PATH_TYPES:
        yield unsupported((*at, "pathType"), kind, PATH_TYPES)
    if kind in ("Exact", "Prefix"):
        if not text_.startswith("/"):
            yield invalid((*at, "path"), text_, "an absolute path")
        if "//" in text_ or {".", ".."} & set(text_.split("/")):
            yield invalid((*at, "path"), text_, 'a path without "//", "/./" and "/../"')
    yield from _backend(path.get("backend") or {}, (*at, "backend"))


def _backend(backend: Json, path: Path) -> Problems:
    service, resource = look(backend, "service"), look(backend, "resource")
    if service is not None and resource is not None:
        yield invalid(path, "", "service or resource, not both")
    elif service is None and resource is None:
        yield required(path, "service or resource")
    if service is None:
        return
    yield from DNS_1035_LABEL.check((*path, "service", "name"), service.get("name"))
    name, number = look(service, "port", "name", default=""), look(service, "port", "number", default=0)
    if name and number:
        yield forbidden((*path, "service", "port"), "cannot set both port name & port number")
    elif name:
        yield from PORT_NAME.check((*path, "service", "port", "name"), name)
    elif number:
        yield from check_port(number, (*path, "service", "port", "number"))
    else:
        yield required((*path, "service", "port"), "a port name or number")


def _hosts(obj: Json) -> str:
    return some([rule["host"] for rule in items(obj, "spec", "rules") if rule.get("host")], _MOST, empty="*")


RESOURCE = derive(
    networking_v1.Ingress,
    short_names=("ing",),
    columns=(
        NAME,
        text("Class", "spec", "ingressClassName"),
        computed("Hosts", _hosts),
        computed("Address", lambda obj: load_balancer(items(obj, "status", "loadBalancer", "ingress"))),
        computed("Ports", lambda obj: "80, 443" if items(obj, "spec", "tls") else "80"),
        AGE,
    ),
    strategy=IngressStrategy(),
)
