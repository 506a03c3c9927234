"""Spans without metrics, and attributes on the span that is current."""
