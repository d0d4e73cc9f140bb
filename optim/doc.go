// SPDX-License-Identifier: Apache-2.0

// Package optim moves parameters down their gradients. It has optimisers as plain data ([SGD], [Adam], [AdamW],
// [LARS]), started over a list of parameters, learning-rate schedules, and clipping. Everything here runs inside
// torch.Scope and is bit-reproducible: an optimiser that loads the state of another continues exactly where it was.
package optim
