"""Cells of CSV files that people open with a spreadsheet."""

from __future__ import annotations

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would take for the beginning of a formula (OWASP, "CSV Injection")."""


def harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell
