# SPDX-License-Identifier: Apache-2.0
"""What the trainings of all methods share: the loop, data, teachers, optimisers and processes."""
