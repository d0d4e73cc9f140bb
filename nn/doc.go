// SPDX-License-Identifier: Apache-2.0

// Package nn holds networks: parameters with names, layers that use them, and what ties two networks together (a moving
// average). A layer is built once, under a name in [Params]; the names are the checkpoint format.
package nn
