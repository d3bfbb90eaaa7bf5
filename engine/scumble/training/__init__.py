# SPDX-License-Identifier: Apache-2.0
"""What the trainings of all methods share: recipe, loop, data, teachers, optimizer, processes, cards and sheets."""
