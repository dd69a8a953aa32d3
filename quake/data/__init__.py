"""What is done to a window before the network sees it: the published transforms."""
