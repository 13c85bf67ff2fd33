# SPDX-License-Identifier: Apache-2.0
"""Container images out of local files, without a registry: built reproducibly, loaded into containerd."""
