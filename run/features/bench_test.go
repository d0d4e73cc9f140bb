// SPDX-License-Identifier: Apache-2.0

package features

import (
	"testing"

	"github.com/parallax-ssl/parallax/internal/tsne"
)

// BenchmarkPlane, BenchmarkNeighbours, BenchmarkClusters and BenchmarkMap are of 1,000 rows of 512, those of a
// ResNet-18.
func BenchmarkPlane(b *testing.B) {
	s := clouds(1, 1000, 10, 512, 3)
	for b.Loop() {
		if _, err := s.Plane(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNeighbours(b *testing.B) {
	s := clouds(1, 1000, 10, 512, 3)
	for b.Loop() {
		if _, err := s.Neighbours(b.Context(), 90); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkClusters(b *testing.B) {
	s := clouds(1, 1000, 10, 512, 3)
	for b.Loop() {
		if _, err := s.Clusters(b.Context(), 10); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMap(b *testing.B) {
	s := clouds(1, 1000, 10, 512, 3)
	start, err := s.Plane(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.lay(b.Context(), start, tsne.Again); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSave writes the file of an evaluation.
func BenchmarkSave(b *testing.B) {
	s, dir := clouds(1, 1000, 10, 512, 3), b.TempDir()
	for b.Loop() {
		if err := Save(dir, s); err != nil {
			b.Fatal(err)
		}
	}
}
