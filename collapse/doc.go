// SPDX-License-Identifier: Apache-2.0

// Package collapse says what an embedding has lost. An encoder collapses when its rows become one point (complete collapse:
// the mean cosine goes to 1 and the standard deviation to 0) or fill only a few of its dimensions (dimensional collapse: the
// ranks and the participation ratio fall while those two still look healthy). No single number sees both, so [Metrics] holds
// them together, and [Diagnose] says what they mean.
//
// metrics.go and assignments.go describe what is measured, and package collapse/measure measures it. reading.go is what
// Diagnose is given, thresholds.go what it compares with, and diagnose.go the rules, first match first. Package collapse/history
// makes readings of a run's events, and collapse/guard judges a run while it trains.
//
// The package is pure Go: Diagnose takes no tensors and never fails.
package collapse
