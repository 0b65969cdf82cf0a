"""What everything stands on, one of each; it knows no other package of ours. HTTP is in `web`."""
