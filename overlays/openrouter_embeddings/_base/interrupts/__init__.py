"""Ctrl-C and cancellation: signals that are held back, and tasks that are let end."""
