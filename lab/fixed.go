// SPDX-License-Identifier: Apache-2.0

package lab

import "time"

// Fixed is the last change of a rule: the time and the commit. Runs that began earlier may have been known when the
// rule was changed, so verdicts on them are listed apart.
type Fixed struct {
	Date   time.Time `json:"date"`
	Commit string    `json:"commit"`
}

// FixedAt returns a Fixed from the commit's date, such as "2026-11-22 22:49", in UTC.
func FixedAt(date, commit string) Fixed {
	at, err := time.Parse("2006-01-02 15:04", date)
	if err != nil {
		panic(err) // it is a part of the program
	}
	return Fixed{at, commit}
}

// A Version is a version of what all rules share: the requirements of a verdict, and the thresholds of a diagnosis.
type Version struct {
	Number int
	Fixed
	Changed string
}

// Versions are the versions up to [RuleVersion].
var Versions = []Version{
	{1, FixedAt("2026-11-22 22:52", "53826a1"), "The thresholds are those of a calibration on Fashion-MNIST."},
	{2, FixedAt("2026-11-23 04:55", "cdbe1cf"), "After five seeds of 24 claims on CIFAR-10: a collapse that rests is " +
		"one, longer runs decide what short ones leave open, and the size of DIN-02's effect is that of the entropy."},
	{3, FixedAt("2026-11-29 11:18", "909dda3"), "After the report on CIFAR-10: only HEALTHY is the absence of " +
		"collapse, in controls and arms, and SIM-01 and BYO-09 require the deviations that they are about."},
}

// RuleFixed returns the last change of the experiment's own rule or of what rules share, whichever is later. What is
// computed in closed form does not depend on the latter.
func (e Experiment) RuleFixed() Fixed {
	if shared := Versions[len(Versions)-1].Fixed; len(e.Arms) > 0 && shared.Date.After(e.Fixed.Date) {
		return shared
	}
	return e.Fixed
}

// after says whether all runs began after the rule was fixed. It is false if one began at an unknown time.
func (e Experiment) after(samples ...[]Sample) bool {
	found := false
	for _, of := range samples {
		for _, s := range of {
			if !s.Begun.After(e.RuleFixed().Date) {
				return false
			}
			found = true
		}
	}
	return found
}
