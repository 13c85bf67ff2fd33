# SPDX-License-Identifier: Apache-2.0
"""The parameters that requests may carry, by what they do."""

from typing import Final

from controlplane.openapi.model import Parameter

NAMESPACE: Final = Parameter("namespace", "The namespace of the object.", place="path")
NAME: Final = Parameter("name", "The name of the object.", place="path")
PATH: Final = Parameter("path", "The rest of the path, as it is passed on.", place="path")

_DRY_RUN: Final = Parameter("dryRun", "All: everything happens, but nothing is stored.")
_MANAGER: Final = Parameter("fieldManager", "Who makes this change, for managedFields; required for apply.")
_VALIDATION: Final = Parameter(
    "fieldValidation",
    "What becomes of unknown and duplicate fields: Ignore drops them, Warn drops them with a warning, Strict refuses.",
)
_FORCE: Final = Parameter("force", "Apply takes over fields that another manager has.", "boolean")
_SELECT: Final = (
    Parameter("fieldSelector", "Only objects whose fields match."),
    Parameter("labelSelector", "Only objects whose labels match."),
)
_PAGE: Final = (
    Parameter("continue", "The token of the next page, from the metadata of the page before."),
    Parameter("limit", "How many objects at most a page has.", "integer"),
)
_REVISION: Final = (
    Parameter("resourceVersion", "Which revision to look at, or after which to watch."),
    Parameter("resourceVersionMatch", "How resourceVersion is meant: Exact or NotOlderThan."),
)
_WATCH: Final = (
    Parameter("allowWatchBookmarks", "A watch may also send bookmarks of its progress.", "boolean"),
    Parameter("sendInitialEvents", "A watch begins with all objects there are, and a bookmark.", "boolean"),
    Parameter("timeoutSeconds", "When a watch ends by itself.", "integer"),
    Parameter("watch", "Stream changes and do not end.", "boolean"),
)
_DELETE: Final = (
    Parameter("gracePeriodSeconds", "How long the object may take to end; 0 is at once.", "integer"),
    Parameter("orphanDependents", "The old name of propagationPolicy=Orphan.", "boolean"),
    Parameter("propagationPolicy", "What becomes of owned objects: Orphan, Background or Foreground."),
)

LIST: Final = (*_SELECT, *_PAGE, *_REVISION, *_WATCH)
WRITE: Final = (_DRY_RUN, _MANAGER, _VALIDATION)
PATCH: Final = (*WRITE, _FORCE)
DELETE: Final = (_DRY_RUN, *_DELETE)
DELETE_COLLECTION: Final = (_DRY_RUN, *_SELECT, *_PAGE, *_REVISION, *_DELETE)

_CONTAINER: Final = Parameter("container", "Which container; may be left out when there is one.")
_STREAMS: Final = (
    _CONTAINER,
    Parameter("stderr", "Carry the standard error.", "boolean"),
    Parameter("stdin", "Carry the standard input.", "boolean"),
    Parameter("stdout", "Carry the standard output.", "boolean"),
    Parameter("tty", "Give the process a terminal.", "boolean"),
)
# By subresource, for those that are passed on to the node.
CONNECT: Final = {
    "log": (
        _CONTAINER,
        Parameter("follow", "Go on as the log grows.", "boolean"),
        Parameter("limitBytes", "Stop after this many bytes.", "integer"),
        Parameter("previous", "The log of the container's run before this one.", "boolean"),
        Parameter("sinceSeconds", "Only lines that are at most this old.", "integer"),
        Parameter("sinceTime", "Only lines after this moment (RFC 3339)."),
        Parameter("tailLines", "Only this many lines from the end.", "integer"),
        Parameter("timestamps", "Begin each line with its time.", "boolean"),
    ),
    "attach": _STREAMS,
    "exec": (*_STREAMS, Parameter("command", "The program and its arguments, one parameter each.")),
    "portforward": (Parameter("ports", "Ports to forward, for websocket clients.", "integer"),),
    "proxy": (),
}
