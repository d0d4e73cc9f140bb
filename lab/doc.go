// SPDX-License-Identifier: Apache-2.0

// Package lab asks why a method does not collapse, and answers with evidence. An [Experiment] is one published claim:
// its arms (a base configuration and the switch that differs), the metrics that decide it, and the rule for its
// verdict, all fixed before anything runs. An arm is an ordinary pretraining run, so what the laboratory did can be
// done again with one command. Arms are paired: the same seed gives the same order of the data, the same views and the
// same initial weights.
//
// The packages below this one have the rest: lab/expect the rules for what a claim predicts, lab/claims the claims
// themselves, lab/theory the closed forms that some of them compute, lab/report the page. This package is the engine.
// [Plan] says which runs a choice of claims needs, each once however many claims share it. [Runner] makes them, as
// processes, and resumes where it was interrupted. [Laboratory] reads what has ended, and [Experiment.Judge] turns it
// into a [Finding]. Claims, thresholds and the traps that they avoid are described in docs/lab.md.
package lab
