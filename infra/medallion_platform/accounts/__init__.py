"""AWS Organizations: the accounts, where they stand, and what nobody in them may do."""
