"""Training scripts that do nothing but log; each runs in the environment of one tool."""
