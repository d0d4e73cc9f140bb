// SPDX-License-Identifier: Apache-2.0

// Package lab asks why a method does not collapse, and answers with evidence. An [Experiment] is one published claim: its
// arms (a base configuration and the switch that differs), the metrics that decide it, and the rule for its verdict, all
// fixed before anything runs. An arm is an ordinary pretraining run, so what the laboratory did can be done again with one
// command. Arms are paired: the same seed gives the same order of the data, the same views and the same initial weights.
//
// The experiments are the files named for their claims (sim01.go ...), listed in [All]. [Plan] says which runs a choice of
// them needs, each once however many experiments share it; [Runner] makes them, as processes, and can be broken off;
// [Judge] turns them into findings; [Report] writes the page. Claims, thresholds and the traps that they avoid:
// docs/lab.md.
package lab
