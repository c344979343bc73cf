"""What one connection of a session delivers: read, put in order, published, and watched for silence."""
