// SPDX-License-Identifier: Apache-2.0

// Package series reads the numbers of a run as curves, also while the run writes them. It holds a bounded amount of
// memory for a run of any length: a long curve is kept as stretches of steps with their first, last, least and greatest
// value, so that no peak is lost, and a part of it is read from the file again.
package series
