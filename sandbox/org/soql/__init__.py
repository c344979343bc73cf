"""SOQL: text to syntax tree (`parser`), names to columns (`schema`), conditions to closures (`evaluate`)."""
