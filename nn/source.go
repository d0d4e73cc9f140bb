// SPDX-License-Identifier: Apache-2.0

package nn

import "embed"

// Source is the source of [MLP], whose fields are hyperparameters of methods: what they mean is read there.
//
//go:embed mlp.go
var Source embed.FS
