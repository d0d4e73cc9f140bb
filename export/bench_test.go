// SPDX-License-Identifier: Apache-2.0

package export

import (
	"path/filepath"
	"testing"
)

// BenchmarkWrite writes a small network in every format, the comparison with the encoder included.
func BenchmarkWrite(b *testing.B) {
	path := encoderFile(b, specs()[1])
	for _, f := range Formats() {
		b.Run(string(f), func(b *testing.B) {
			r := Request{Run: path, Format: f, Data: "synthetic:9", Threads: 1, Force: true,
				Out: filepath.Join(b.TempDir(), "out."+string(f))}
			for b.Loop() {
				if _, err := Write(b.Context(), r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
