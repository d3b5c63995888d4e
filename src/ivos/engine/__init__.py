"""The session engine: rounds of annotate (A-Net) and propagate (T-Net) over immutable state."""
