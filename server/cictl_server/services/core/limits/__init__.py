"""What there is only so much of: places, memory, disk, and how much one may have."""
