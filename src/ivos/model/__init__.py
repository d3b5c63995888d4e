"""The networks: A-Net, T-Net, their presets and their weights."""
