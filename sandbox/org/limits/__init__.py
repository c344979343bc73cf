"""What an org may use, and what it has used."""
