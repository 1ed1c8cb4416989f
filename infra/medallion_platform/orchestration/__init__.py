"""From what arrives to refined tables: what starts the pipeline, what runs it, where failures go."""
