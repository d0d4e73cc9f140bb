// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"encoding/json"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/parallax-ssl/parallax/torch"
)

// reference is what scikit-learn says: testdata/reference.py.
type reference struct {
	X, New      [][]float64
	Labels      []int
	Regressions []struct {
		Penalty       float64
		Probabilities [][]float64
	}
	Precision []float64
	First     []int
}

func readReference(t *testing.T) (r reference) {
	t.Helper()
	text, err := os.ReadFile("testdata/reference.json")
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func matrix(rows [][]float64) torch.Tensor {
	return torch.FromFloat64(slices.Concat(rows...), len(rows), len(rows[0])).To(torch.F32)
}

// The probabilities of new rows are those of scikit-learn's LogisticRegression.
func TestRegressionIsThatOfScikitLearn(t *testing.T) {
	ref := readReference(t)
	in(t, func() {
		x := matrix(ref.X)
		for _, c := range ref.Regressions {
			fit := Regression(x, ref.Labels, 3, c.Penalty, x)
			got := scoresOf(fit, matrix(ref.New)).Softmax(1).Float64s()
			for i, want := range slices.Concat(c.Probabilities...) {
				if math.Abs(got[i]-want) > 1e-3 {
					t.Errorf("penalty %g: probability %d is %.5f, want %.5f", c.Penalty, i, got[i], want)
				}
			}
			weight, bias := fit.Affine()
			whole := torch.Linear(matrix(ref.New).To(torch.F64), weight, bias).Softmax(1).Float64s()
			for i := range got {
				if math.Abs(got[i]-whole[i]) > 1e-9 {
					t.Errorf("the affine map gives probability %d as %g, the classifier %g", i, whole[i], got[i])
				}
			}
		}
	})
}

// The penalty is chosen on the held-out rows, and the classifier is that of all rows.
func TestLBFGSChooses(t *testing.T) {
	in(t, func() {
		h, labels := blobs(rng(), 120, 7)
		l := NewLabelled(h, labels, 4, rng())
		fit := l.LBFGS([]float64{10, 1e-4, 1e-2})
		if !slices.Equal(fit.Settings, []float64{1e-4, 1e-2, 10}) || !slices.Contains(fit.Settings, fit.Chosen) {
			t.Fatalf("settings %v, chosen %g", fit.Settings, fit.Chosen)
		}
		if best := slices.Max(fit.HeldOut); fit.HeldOut[slices.Index(fit.Settings, fit.Chosen)] != best {
			t.Errorf("chosen %g of %v with held-out accuracies %v", fit.Chosen, fit.Settings, fit.HeldOut)
		}
		want := Regression(h, labels, 4, fit.Chosen, h.IndexSelect(0, func() torch.Tensor {
			index, _ := labelled(labels)
			return torch.FromInts(index, len(index))
		}()))
		a, b := scoresOf(fit.Classifier, h).Softmax(1).Float64s(), scoresOf(want, h).Softmax(1).Float64s()
		for i := range a {
			if math.Abs(a[i]-b[i]) > 1e-4 {
				t.Fatalf("probability %d is %g, of a fit to all rows %g", i, a[i], b[i])
			}
		}
	})
}

func TestRegressionMistakes(t *testing.T) {
	in(t, func() {
		h, labels := blobs(rng(), 30, 3)
		fails(t, "penalty 0", func() { Regression(h, labels, 4, 0, h) })
		fails(t, "0 rows with a label", func() { Regression(h, unknown(30), 4, 1, h) })
		fails(t, "want one or more, each above 0", func() { NewLabelled(h, labels, 4, rng()).LBFGS(nil) })
	})
}
