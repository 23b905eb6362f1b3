"""The parts of bench/run and scripts/benchmark."""
