"""One method an endpoint, one file a noun. What goes on over several answers is in `follow`."""
