"""The org itself: its records and its setup."""
