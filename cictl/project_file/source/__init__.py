"""The text of a file: its YAML as a tree, what it includes, and the tree as the shapes of `schema`."""

from collections.abc import Callable

ReadFile = Callable[[str], bytes | None]
"""Returns the content of a file of the same commit, by its path in the repository; None if there is none."""
