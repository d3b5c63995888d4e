"""Two-stage training: A-Net first, then T-Net (section 3.5 of the paper)."""
