"""Where versions rest: content-addressed blobs, and a Git mirror for people."""
