// SPDX-License-Identifier: Apache-2.0

package weights

import "testing"

// BenchmarkRead reads checkpoints of other programs, maps their names and converts them.
func BenchmarkRead(b *testing.B) {
	for _, name := range []string{"torchvision.pth", "lightly.ckpt", "vit.pth"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := Read("testdata/"+name, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
