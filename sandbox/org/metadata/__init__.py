"""Which objects and fields an org has, and how it describes them."""
