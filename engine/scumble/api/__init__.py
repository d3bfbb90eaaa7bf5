# SPDX-License-Identifier: Apache-2.0
"""What a method and the engine agree on: the contract, options, errors and the hook that registers a method."""
