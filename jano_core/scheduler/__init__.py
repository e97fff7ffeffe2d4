"""The pure scheduler: events in, commands out; no clock, no I/O, no randomness, no await."""
