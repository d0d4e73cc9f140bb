// SPDX-License-Identifier: Apache-2.0

package measure_test

import (
	"fmt"
	"testing"

	"github.com/parallax-ssl/parallax/collapse/measure"
	"github.com/parallax-ssl/parallax/torch"
)

// BenchmarkEmbedding measures embeddings as the guard (512 rows) and an evaluation (2,000 rows) see them.
func BenchmarkEmbedding(b *testing.B) {
	for _, size := range [][2]int{{512, 128}, {2000, 128}, {2000, 512}} {
		b.Run(fmt.Sprintf("%dx%d", size[0], size[1]), func(b *testing.B) {
			err := torch.Scope(func() error {
				torch.SetThreads(1)
				z := matrix(gaussian(rng(), size[0], size[1]), size[1])
				for b.Loop() {
					if err := torch.Scope(func() error { measure.Embedding(z); return nil }); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
		})
	}
}
