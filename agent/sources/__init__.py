# SPDX-License-Identifier: Apache-2.0
"""Where the pods of this node come from; today a folder of manifests."""
