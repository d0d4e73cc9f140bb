// SPDX-License-Identifier: Apache-2.0

//go:build race

package augment_test

// underRace reports whether the race detector runs, which makes kernels' tests many times slower.
const underRace = true
