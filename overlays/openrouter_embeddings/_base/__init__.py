"""What every room stands on: checks of arguments, and optional dependencies."""
