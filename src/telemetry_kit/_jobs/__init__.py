"""Batch jobs: definitions, runs, steps, records, and what is known of them."""
