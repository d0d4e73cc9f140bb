// SPDX-License-Identifier: Apache-2.0

package pth

import "testing"

// BenchmarkOpen lists the tensors of the two formats of torch.save and reads them.
func BenchmarkOpen(b *testing.B) {
	for _, name := range []string{"torchvision.pth", "stream.pth"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				f, err := Open("../testdata/" + name)
				if err != nil {
					b.Fatal(err)
				}
				for _, t := range f.Tensors {
					if _, err := t.Read(); err != nil {
						b.Fatal(err)
					}
				}
				if err := f.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
