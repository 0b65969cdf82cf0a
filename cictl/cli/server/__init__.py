"""What is done with the server itself: its update, over the restart in the middle."""
