"""What happens to photographs before somebody wants them larger: blur, resizing, noise, compression, displacement."""
