// SPDX-License-Identifier: Apache-2.0

// Package nn holds networks: named parameters, layers that use them, and the moving average that ties one network to
// another. A layer is built once, under a name in [Params]; the names are the checkpoint format.
package nn
