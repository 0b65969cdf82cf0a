"""The text of a file: its YAML as a tree, and the tree as the shapes of `schema`."""
