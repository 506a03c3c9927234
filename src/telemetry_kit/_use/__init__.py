"""USE: pools, queues, caches, databases, health, event loops."""
