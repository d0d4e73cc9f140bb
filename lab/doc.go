// SPDX-License-Identifier: Apache-2.0

// Package lab tests published claims about collapse. An [Experiment] is one claim: its arms (a base configuration and
// the switch that differs), the metrics that decide it, and the rule for its verdict. A rule has the date of its last
// change, and verdicts on runs that began before it are told apart. An arm is an ordinary pretraining run, so one
// command repeats it. Arms are paired: the same seed gives the same order of the data, the same views and the same
// initial weights.
//
// This package is the engine. [Plan] says which runs the chosen claims need; claims share runs. [Runner] makes the
// runs, as processes, and resumes interrupted ones. [Laboratory] reads the runs that have ended, and [Experiment.Judge]
// turns them into a [Finding].
//
// lab/expect has the rules for what a claim predicts, lab/claims the claims, lab/theory the closed forms that some
// claims compute, and lab/report the page. docs/lab.md describes the claims, the thresholds and the traps that they
// avoid.
package lab
