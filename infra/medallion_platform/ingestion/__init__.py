"""What fills the landing zone and raw: streams, copies, databases, subscriptions and on-premises."""
