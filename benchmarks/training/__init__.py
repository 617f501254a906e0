"""What recording a training run costs, beside what other trackers cost."""
