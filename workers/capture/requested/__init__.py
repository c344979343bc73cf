"""What somebody asked a team's capture to do: jobs, each with its document."""
