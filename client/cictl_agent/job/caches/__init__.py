"""What jobs keep for later jobs: directories outside of the checkout (`directories`), and parts of it, by their keys (`saved`, `keys`)."""
