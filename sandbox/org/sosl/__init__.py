"""SOSL: text searches over several objects (SOQL and SOSL Reference, "SOSL Syntax")."""
