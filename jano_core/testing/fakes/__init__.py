"""Model servers that exist only in virtual time, each with the answers of the real one, and with
switches to fail in the ways that real ones do. Sources are cited where each is.
"""
