// SPDX-License-Identifier: Apache-2.0

package bicubic

import (
	"slices"
	"testing"
)

// The weights of PyTorch's bicubic interpolation by a factor of 2, in the middle and at the edge. Outside the image the
// edge repeats.
func TestBicubic(t *testing.T) {
	w := Weights(12, 6)
	middle := []float64{0, -0.03515625, 0.26171875, 0.87890625, -0.10546875, 0}
	edge := []float64{-0.03515625 + 0.26171875 + 0.87890625, -0.10546875, 0, 0, 0, 0}
	if got := w[6*6 : 7*6]; !slices.Equal(got, middle) {
		t.Errorf("row 6 is %v, want %v", got, middle)
	}
	if got := w[:6]; !slices.Equal(got, edge) {
		t.Errorf("row 0 is %v, want %v", got, edge)
	}
	if got := Weights(2, 2); !slices.Equal(got, []float64{1, 0, 0, 1}) {
		t.Errorf("the same size: %v, want the identity", got)
	}
}
