"""Presets by name: a family of models at a size, for any data."""
