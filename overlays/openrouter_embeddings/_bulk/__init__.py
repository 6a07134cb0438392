"""Any number of inputs in one run: paced, divided, in order. Pure but for its two runners."""
