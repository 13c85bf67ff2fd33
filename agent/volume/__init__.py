# SPDX-License-Identifier: Apache-2.0
"""What a pod's containers find mounted: made before they start, kept current while they run, removed afterwards."""
