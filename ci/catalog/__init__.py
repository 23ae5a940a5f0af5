"""What should exist in the registry, what does, and why the rest does not. See README.md."""
