"""Two-stage training: A-Net first, then T-Net, as in the paper."""
