"""Scheduling strategies that come with Jano; pure, and registered through the same hooks."""
