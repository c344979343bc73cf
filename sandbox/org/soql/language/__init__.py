"""SOQL as text: its grammar, its syntax tree, and how what is wrong with it is told."""
