"""Who may do what in an account: roles, their limits, and who may take them on."""
