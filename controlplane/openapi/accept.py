# SPDX-License-Identifier: Apache-2.0
"""Which of the formats on offer an Accept header wants (RFC 9110, 12.5.1)."""

from collections.abc import Iterable


def accepts(header: str, offers: Iterable[str]) -> str:
    """The offer that the header gives the highest quality, the first among equals; "" when it takes none.

    The header's own order decides between offers that it names; "" takes anything.
    """
    told = [_range(part) for part in header.split(",")]
    ranges = sorted([each for each in told if each[0]] or [("*/*", 1.0)], key=lambda each: -each[1])
    available = list(offers)
    refused = {media for media, quality in ranges if quality <= 0}
    for media, quality in ranges:
        for offer in available:
            if quality > 0 and offer not in refused and _covers(media, offer):
                return offer
    return ""


def _range(part: str) -> tuple[str, float]:
    """A media range without its parameters, and its quality; 1 where that is no number."""
    media, *parameters = (piece.strip() for piece in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                quality = float(value)
            except ValueError:
                quality = 1.0
    return media.lower(), quality


def _covers(media: str, offer: str) -> bool:
    if media in ("*/*", "*", offer):
        return True
    return media.endswith("/*") and offer.startswith(media[:-1])
