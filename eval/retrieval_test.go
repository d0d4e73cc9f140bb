// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"math"
	"testing"

	"github.com/parallax-ssl/parallax/torch"
)

// Average precision and the first hit, leave-one-out, are those of scikit-learn; queries that are the gallery itself
// find themselves first.
func TestRetrieval(t *testing.T) {
	ref := readReference(t)
	in(t, func() {
		x := matrix(ref.X)
		for i, got := range Retrieval(x, ref.Labels, torch.Tensor{}, nil) {
			if math.Abs(got.Precision-ref.Precision[i]) > 1e-5 || got.First != ref.First[i] {
				t.Errorf("query %d: %+v, want precision %g, first %d", i, got, ref.Precision[i], ref.First[i])
			}
		}
		for i, got := range Retrieval(x, ref.Labels, x, ref.Labels) {
			if got.First != 0 {
				t.Errorf("query %d does not find itself first: %+v", i, got)
			}
		}
	})
}

// Queries without a label, or of a class that the gallery lacks, find nothing; rows without a label take part.
func TestRetrievalLabels(t *testing.T) {
	in(t, func() {
		gallery := torch.FromFloat32([]float32{1, 0, 1, 0.1, 0, 1}, 3, 2)
		queries := torch.FromFloat32([]float32{1, 0, 1, 0, 1, 0}, 3, 2)
		got := Retrieval(gallery, []int{-1, 2, 2}, queries, []int{2, -1, 1})
		if got[0].First != 1 || math.Abs(got[0].Precision-7./12) > 1e-9 || got[1].First != -1 || got[2].First != -1 {
			t.Errorf("%+v", got)
		}
		if alone := Retrieval(gallery.Narrow(0, 0, 1), []int{0}, torch.Tensor{}, nil); alone[0].First != -1 {
			t.Errorf("one row finds %+v", alone)
		}
		fails(t, "embed both with one encoder", func() {
			Retrieval(gallery, []int{0, 1, 2}, torch.Ones(torch.F32, 1, 3), []int{0})
		})
	})
}
