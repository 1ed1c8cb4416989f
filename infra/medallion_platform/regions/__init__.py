"""What survives a region: the database, its replica, the names that lead to it, backups, what stays."""
