"""The DAVIS interactive benchmark: runner, baselines, reports, single steps of the networks, user study."""
