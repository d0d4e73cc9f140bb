// SPDX-License-Identifier: Apache-2.0

package eval

import (
	"testing"

	"github.com/parallax-ssl/parallax/torch"
)

// BenchmarkKNN votes for 1,000 queries among 10,000 features of 128.
func BenchmarkKNN(b *testing.B) {
	const n, m, d = 10_000, 1000, 128
	err := torch.Scope(func() error {
		torch.SetThreads(1)
		r := rng()
		bank, queries := torch.FromFloat32(gaussian(r, n*d), n, d), torch.FromFloat32(gaussian(r, m*d), m, d)
		labels, asked := someLabels(r, n, 10), someLabels(r, m, 10)
		for b.Loop() {
			err := torch.Scope(func() error { KNN(bank, labels, queries, asked, 20, 0.07, 10); return nil })
			if err != nil {
				return err
			}
		}
		b.ReportMetric(float64(b.N*m)/b.Elapsed().Seconds(), "queries/s")
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkRegression fits the linear classifier of an evaluation, by L-BFGS, to 5,000 features of 128.
func BenchmarkRegression(b *testing.B) {
	const n, d = 5000, 128
	err := torch.Scope(func() error {
		torch.SetThreads(1)
		r := rng()
		h, labels := torch.FromFloat32(gaussian(r, n*d), n, d), someLabels(r, n, 10)
		for b.Loop() {
			err := torch.Scope(func() error { Regression(h, labels, 10, 1, h); return nil })
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
