# SPDX-License-Identifier: Apache-2.0
"""The HTTP side: paths, representations, streams, limits, health and metrics."""
