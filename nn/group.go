// SPDX-License-Identifier: Apache-2.0

package nn

// Group sets the parameters whose names begin with Prefix apart from the others in the optimiser.
type Group struct {
	Prefix    string  // of the full name, "predictor."
	Scale     float64 // multiplies the learning rate
	Constant  bool    // true: the rate stays at its peak, without warm-up and decay
	Undecayed bool    // true: without weight decay
	Frozen    bool    // true: this step leaves them as they are, momentum and weight decay included
}
