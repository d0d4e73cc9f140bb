// SPDX-License-Identifier: Apache-2.0

package nn

// Group treats the parameters whose names begin with Prefix differently from the others in the optimiser.
type Group struct {
	Prefix    string  // of the full name, "predictor."
	Scale     float64 // multiplies the learning rate
	Constant  bool    // true: the rate stays at its peak, without warm-up or decay
	Undecayed bool    // true: without weight decay
	Frozen    bool    // true: this step changes neither them nor their momentum, and has no weight decay
}
