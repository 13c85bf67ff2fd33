# SPDX-License-Identifier: Apache-2.0
"""Which groups, versions and resources there are, told in the forms that clients ask for."""
