"""From the public home of a checkpoint to a verified local file."""
