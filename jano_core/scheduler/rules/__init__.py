"""Residency rules that are written down instead of computed: `groups` and `matrix`."""
