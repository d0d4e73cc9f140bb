// SPDX-License-Identifier: Apache-2.0

package lab

// All lists every experiment, in the order in which reports have them. Adding one is a file in this package and a line here.
var All = []Experiment{
	sim01,
}
