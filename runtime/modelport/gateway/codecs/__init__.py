"""What several formats share: JSON text, CSV, base64 and nested lists, to and from numpy arrays."""
