"""The HTTP gateway: wire formats in front of Triton. It knows models, keys and limits, and nothing of Kubernetes."""
