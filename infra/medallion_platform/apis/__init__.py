"""Gold tables for applications: REST and GraphQL, and the function behind both."""
