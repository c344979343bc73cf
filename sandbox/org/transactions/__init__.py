"""What happens to rows between the request that writes them and their commit."""
