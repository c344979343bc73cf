"""Formulas of validation rules, formula fields and automations (Help: "Formula Operators and Functions by Context")."""
