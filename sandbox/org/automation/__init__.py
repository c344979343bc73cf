"""What an org does by itself when records are saved: validation rules, triggers and flows, roll-up summaries."""
