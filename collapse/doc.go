// SPDX-License-Identifier: Apache-2.0

// Package collapse diagnoses collapse. An encoder collapses when its embeddings become one point (complete collapse:
// the mean cosine goes to 1 and the standard deviation to 0) or fill only a few dimensions (dimensional collapse: the
// ranks and the participation ratio fall while mean cosine and standard deviation still look healthy). No single number
// sees both, so [Metrics] holds several, and [Diagnose] says what they mean together.
//
// metrics.go and assignments.go define the measurements; package collapse/measure takes them. reading.go defines the
// input of Diagnose, thresholds.go the limits, and diagnose.go the rules, of which the first that matches decides.
// Package collapse/history turns a run's events into readings. Package collapse/guard judges a run while it trains.
//
// The package is pure Go: Diagnose takes no tensors and never fails.
package collapse
