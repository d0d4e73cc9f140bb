// SPDX-License-Identifier: Apache-2.0

package pretrain

import "testing"

// BenchmarkResolve turns a few settings and a data set into a job, as every run does before its first step.
func BenchmarkResolve(b *testing.B) {
	for b.Loop() {
		j, err := Resolve(b.Context(), of("simclr", Set("train.max_steps", 5), Set("data.path", "synthetic:96")))
		if err != nil {
			b.Fatal(err)
		}
		if err := j.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
