"""The zones of the lakehouse: buckets, what may reach them, and their copies in another region."""
