"""The networks of both documents: VPCs, what they reach by private links, and how accounts are connected."""
