"""The pure part: functions on arrays and tensors, without files, clock, printing or global randomness."""
