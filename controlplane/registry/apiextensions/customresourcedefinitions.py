# SPDX-License-Identifier: Apache-2.0
"""CustomResourceDefinition, to be read only: there are none, and clients that ask for them are told so."""

from dataclasses import replace

from lightkube.resources import apiextensions_v1

from controlplane.registry.columns import NAME, created_at
from controlplane.registry.derive import derive

RESOURCE = replace(
    derive(
        apiextensions_v1.CustomResourceDefinition,
        short_names=("crd", "crds"),
        categories=("api-extensions",),
        columns=(NAME, created_at()),
    ),
    verbs=("get", "list", "watch"),
    subresources=(),
)
