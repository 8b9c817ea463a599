"""The single checks; `lint.CHECKS` puts them in order."""
