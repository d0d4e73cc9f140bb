// SPDX-License-Identifier: Apache-2.0

package guard_test

import (
	"testing"

	"github.com/parallax-ssl/parallax/collapse/guard"
	"github.com/parallax-ssl/parallax/config"
)

// BenchmarkGuard judges a whole healthy run.
func BenchmarkGuard(b *testing.B) {
	events := script(0, steps, false, after(steps+1, state{}))
	for b.Loop() {
		watch(guard.New(config.Warn), events)
	}
}
