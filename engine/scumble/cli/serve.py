# SPDX-License-Identifier: Apache-2.0
"""`scumble serve`: the engine itself, in the foreground. Usually nobody types this: the first use starts it."""
