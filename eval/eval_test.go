// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/torch"
)

// in runs f in a scope, and fails the test on an error and on tensors left behind.
func in(t *testing.T, f func()) {
	t.Helper()
	before, after := 0, 0
	err := torch.Scope(func() error {
		before = torch.Live()
		err := torch.Scope(func() error { f(); return nil })
		after = torch.Live()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if before != after {
		t.Errorf("%d tensors before, %d after", before, after)
	}
}

// fails checks that f ends its scope with an error that contains want.
func fails(t *testing.T, want string, f func()) {
	t.Helper()
	err := torch.Scope(func() error { f(); return nil })
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one with %q", err, want)
	}
}

func rng() *rand.Rand { return rand.New(rand.NewPCG(11, 5)) }

func gaussian(r *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(r.NormFloat64())
	}
	return v
}

// someLabels draws n labels of 0 ... classes-1, one in five of them -1.
func someLabels(r *rand.Rand, n, classes int) []int {
	labels := make([]int, n)
	for i := range labels {
		labels[i] = r.IntN(classes)
		if r.IntN(5) == 0 {
			labels[i] = -1
		}
	}
	return labels
}
