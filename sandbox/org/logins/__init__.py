"""Who may log in, and the tokens that come of it; no HTTP here."""
