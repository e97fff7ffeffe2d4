"""The real scheduler in virtual time, on traces recorded or made up; pure."""
