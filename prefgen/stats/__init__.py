"""Numbers from judgments: scores, calibration, intervals, seeded draws."""
