"""Write scikit-learn's handwritten digits to a CSV file: 1,797 real images of 8 x 8 pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

DATA = Path("data/digits.csv")


def main() -> None:
    """Write one line an image: its 64 pixels, 0 to 16, and then the digit that it shows."""
    pixels, labels = load_digits(return_X_y=True)
    DATA.parent.mkdir(exist_ok=True)
    np.savetxt(DATA, np.column_stack([pixels, labels]), fmt="%d", delimiter=",")
    print(f"{DATA}: {len(labels)} images")


if __name__ == "__main__":
    main()
