"""Everything that touches files: videos, images, masks, data sets, exports, projects."""
