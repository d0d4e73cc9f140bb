// SPDX-License-Identifier: Apache-2.0

package method

import files "embed"

// Source is this package's own source: what a hyperparameter means is written once, beside its field, and is read there by
// what prints it.
//
//go:embed *.go
var Source files.FS
