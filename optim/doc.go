// SPDX-License-Identifier: Apache-2.0

// Package optim moves parameters down their gradients: optimisers as plain data ([SGD], [Adam], [AdamW], [LARS]) that
// are started over a list of parameters, learning-rate schedules, and clipping. Everything here runs inside torch.Scope
// and repeats to the bit: an optimiser that loads the state of another goes on exactly where that one was.
package optim
