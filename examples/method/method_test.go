// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/collapse/measure"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

var (
	_ parallax.Method    = (*AlignUniform)(nil)
	_ parallax.Validator = (*AlignUniform)(nil)
)

// in runs f in a Scope. f runs on libtorch's goroutine and must not call t.Fatal.
func in(t *testing.T, f func() error) {
	t.Helper()
	if err := torch.Scope(f); err != nil {
		t.Fatal(err)
	}
}

func random(r *rand.Rand, n, d int) []float64 {
	values := make([]float64, n*d)
	for i := range values {
		values[i] = r.NormFloat64()
	}
	return values
}

func loss(m *AlignUniform, n, d int, views ...[]float64) torch.Tensor {
	var z []torch.Tensor
	for _, v := range views {
		z = append(z, torch.FromFloat64(v, n, d))
	}
	return m.Loss(parallax.NewStep(0, 1), z)
}

// By hand: two orthonormal rows, equal in both views, are aligned, and log exp(-2·2) = -4. One point for all: 0 and 0.
func TestLossByHand(t *testing.T) {
	for _, c := range []struct {
		name string
		rows []float64
		want float64
	}{
		{"orthonormal", []float64{1, 0, 0, 1}, -4},
		{"opposite", []float64{3, 0, -5, 0}, -8},
		{"one point", []float64{1, 2, 1, 2}, 0},
	} {
		in(t, func() error {
			if got := loss(NewAlignUniform(), 2, 2, c.rows, c.rows).Item(); math.Abs(got-c.want) > 1e-12 {
				t.Errorf("%s: loss %v, want %v", c.name, got, c.want)
			}
			return nil
		})
	}
}

// Package collapse/measure has its own code for both terms, which is tested against the authors' values.
func TestLossAgainstCollapse(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const n, d = 17, 5
	a, b := random(r, n, d), random(r, n, d)
	in(t, func() error {
		m := &AlignUniform{Weight: 0.3, Scale: 1.5}
		u, v := torch.FromFloat64(a, n, d), torch.FromFloat64(b, n, d)
		want := measure.Alignment(u, v) + 0.3*(measure.Uniformity(u, 1.5)+measure.Uniformity(v, 1.5))/2
		if got := loss(m, n, d, a, b).Item(); math.Abs(got-want) > 1e-12 {
			t.Errorf("loss %v, want %v", got, want)
		}
		if other := loss(m, n, d, b, a).Item(); math.Abs(other-want) > 1e-12 {
			t.Errorf("with the views exchanged %v, want %v", other, want)
		}
		return nil
	})
}

func TestGradient(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	const n, d, h = 4, 3, 1e-5
	a, b := random(r, n, d), random(r, n, d)
	m := NewAlignUniform()
	in(t, func() error {
		z := torch.FromFloat64(a, n, d).RequireGrad(true)
		m.Loss(parallax.NewStep(0, 1), []torch.Tensor{z, torch.FromFloat64(b, n, d)}).Backward()
		for i, got := range z.Grad().Float64s() {
			at := a[i]
			a[i] = at + h
			above := loss(m, n, d, a, b).Item()
			a[i] = at - h
			below := loss(m, n, d, a, b).Item()
			a[i] = at
			if want := (above - below) / (2 * h); math.Abs(got-want) > 1e-8 {
				t.Errorf("gradient %d is %v, finite differences say %v", i, got, want)
			}
		}
		return nil
	})
}

func TestValidate(t *testing.T) {
	for _, m := range []*AlignUniform{{Weight: -1, Scale: 2}, {Weight: 1}} {
		if m.Validate() == nil {
			t.Errorf("%+v is accepted", m)
		}
	}
	if err := NewAlignUniform().Validate(); err != nil {
		t.Error(err)
	}
}

func TestPretrain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	const steps = 15
	var losses []float64
	if err := train(context.Background(), dir, steps, func(e run.Event) {
		if e.Event == run.StepEnd {
			losses = append(losses, e.Metrics[run.Loss].Value)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if len(losses) != steps {
		t.Fatalf("%d lines of steps, want %d", len(losses), steps)
	}
	if first, last := losses[0], losses[steps-1]; last >= first {
		t.Errorf("the loss went from %v to %v in %d steps", first, last, steps)
	}
	for _, name := range []string{
		run.EncoderFile, run.MetricsFile,
		filepath.Join(run.CheckpointsDir, fmt.Sprintf("step-%08d", steps), "model.safetensors"),
	} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	// The config file gives the hyperparameters back.
	text, err := run.ReadConfig(dir)
	if err != nil {
		t.Fatal(err)
	}
	read := &AlignUniform{}
	if _, err := config.Load(text, read); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(read.Weight, read.Scale, read.Projector) != fmt.Sprint(1., 2., NewAlignUniform().Projector) {
		t.Errorf("the config file gives back %+v", read)
	}
}
