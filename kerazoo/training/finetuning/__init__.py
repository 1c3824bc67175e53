"""A trained network, someone's pictures, and a folder that can be published."""
