"""What capture decides: sessions, positions, what has arrived, what is read again and what was missed."""
