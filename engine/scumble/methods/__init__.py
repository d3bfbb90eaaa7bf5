# SPDX-License-Identifier: Apache-2.0
"""The style transfer methods, one folder a paper, and the registry that finds them."""
