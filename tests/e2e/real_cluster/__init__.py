"""What the end-to-end tests need of a cluster with real Pods."""
