# SPDX-License-Identifier: Apache-2.0
"""What the API server said last, on disk: so that the same pods run again when it cannot be asked."""
