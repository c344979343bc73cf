"""Change events, from commits to the bus that carries them."""
