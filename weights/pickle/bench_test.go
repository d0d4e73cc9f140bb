// SPDX-License-Identifier: Apache-2.0

package pickle

import (
	"os"
	"testing"
)

// BenchmarkDecode reads a pickle of the newest protocol.
func BenchmarkDecode(b *testing.B) {
	data, err := os.ReadFile("../testdata/program.pkl")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := decode(data); err != nil {
			b.Fatal(err)
		}
	}
}
