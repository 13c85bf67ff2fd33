# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with images."""


class ImageError(Exception):
    """An image could not be described, built or loaded; the text says what, where, why and what to do."""


class ImageSpecError(ImageError, ValueError):
    """A description of an image that makes no sense; names the field and what is accepted."""


class ImageLoadError(ImageError):
    """The runtime did not take an image."""
