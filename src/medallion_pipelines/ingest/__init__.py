"""Ways into the landing zone that AWS runs: the landing function, S3 Batch Operations, Data Exchange."""
