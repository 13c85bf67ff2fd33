# SPDX-License-Identifier: Apache-2.0
"""What people are told of pulls, in the kubelet's words, which they and their tools search for."""

from agent.image.model import ImageNote


def pulling(image: str) -> ImageNote:
    """A pull begins."""
    return ImageNote("Normal", "Pulling", f'Pulling image "{image}"')


def pulled(image: str, took: float, waited: float, size: int) -> ImageNote:
    """A pull succeeded: took and waited in seconds, waited with the time for a free place; size in bytes."""
    times = f"in {duration(took)} ({duration(waited)} including waiting)"
    return ImageNote(
        "Normal", "Pulled", f'Successfully pulled image "{image}" {times}. Image size: {size} bytes.'
    )


def present(image: str) -> ImageNote:
    """Nothing had to be pulled."""
    return ImageNote("Normal", "Pulled", f'Container image "{image}" already present on machine')


def failed(image: str, why: str) -> ImageNote:
    """A pull failed."""
    return ImageNote("Warning", "Failed", f'Failed to pull image "{image}": {why}')


def backing_off(image: str) -> ImageNote:
    """A pull is not tried yet."""
    return ImageNote("Normal", "BackOff", f'Back-off pulling image "{image}"')


def duration(seconds: float) -> str:
    """As Go writes a duration that was cut to milliseconds: 340ms, 1.2s, 2m3.5s."""
    milliseconds = int(seconds * 1000)
    if milliseconds < 1000:
        return f"{milliseconds}ms" if milliseconds else "0s"
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{hours}h"] if hours else []
    parts += [f"{minutes}m"] if hours or minutes else []
    return "".join([*parts, f"{rest / 1000:.3f}".rstrip("0").rstrip(".") + "s"])
