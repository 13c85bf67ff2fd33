# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with the words that all components share."""


class KubeError(Exception):
    """Any failure of this package; its text is a sentence for the person who wrote the input."""


class QuantityError(KubeError, ValueError):
    """A text that is no Kubernetes quantity."""


class ImageReferenceError(KubeError, ValueError):
    """A text that is no reference to a container image."""
