"""From a weights file of any library to names and NumPy arrays, without running anything."""
