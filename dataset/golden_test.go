// SPDX-License-Identifier: Apache-2.0

package dataset

// Computed once with this package: values that must not change from one version to the next.
const (
	goldenOrder     = "[877 274 986 715 73 998 394 872]"
	goldenSynthetic = "0cf9c6aebebe7d2e"
)
