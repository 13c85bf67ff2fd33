# SPDX-License-Identifier: Apache-2.0
"""Images on the node: present, pulled, or waiting to be pulled again."""
