"""What several formats share: JSON text, base64 and nested lists, to and from numpy arrays."""
