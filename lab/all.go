// SPDX-License-Identifier: Apache-2.0

package lab

// All lists every experiment, in the order in which reports have them. Adding one is a file in this package and a line here.
var All = []Experiment{
	sim01,
	sim02,
	sim03,
	sim05,
	sim06,
	sim07,
	sim08,
	sim10,
	sim11,
	sim15,
	byo01,
	byo02,
	byo03,
	byo08,
	byo09,
	byo10,
	byg01,
	byg02,
	byg03,
	dpr01,
	dpr02,
	viw01,
}
