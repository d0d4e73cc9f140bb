// SPDX-License-Identifier: Apache-2.0

package checkpoint

import (
	"testing"

	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// BenchmarkWrite saves the state of a network of a million parameters, to the disk; BenchmarkRead reads it.
func BenchmarkWrite(b *testing.B) {
	dir, c := b.TempDir(), large()
	b.SetBytes(12 << 20)
	for b.Loop() {
		_, err := Write(dir, c)
		must(b, err)
		c.Step++
	}
}

func BenchmarkRead(b *testing.B) {
	dir := b.TempDir()
	name, err := Write(dir, large())
	must(b, err)
	b.SetBytes(12 << 20)
	for b.Loop() {
		_, err := Read(Path(dir, name), "simclr")
		must(b, err)
	}
}

// large is a checkpoint of 3 x 4 MiB.
func large() *Checkpoint {
	c := sample(1)
	state := []nn.State{{Name: "w", DType: torch.F32, Shape: []int{1 << 20}, Bytes: make([]byte, 4<<20)}}
	c.Networks, c.Optimizer, c.Hooks = state, state, state
	return c
}
