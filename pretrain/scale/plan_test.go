// SPDX-License-Identifier: Apache-2.0

package scale_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dist"
	"github.com/parallax-ssl/parallax/internal/together"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/pretrain"
	"github.com/parallax-ssl/parallax/pretrain/scale"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// size is the side of a view in pixels, which is not that of a simulation.
const size = 40

// plan plans a method for two processes.
func plan(t *testing.T, method string, batch, images int) scale.Method {
	t.Helper()
	p, err := scale.New(context.Background(), scale.Request{
		Cluster: scale.Cluster{
			Machines: 1, Processes: 2, Links: []float64{1e9, 1e10}, Latency: time.Microsecond, Disk: 1e9,
		},
		Method: method, Preset: "lab", Size: size, Batch: batch, Images: images, PerShard: 100,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range p.Simulate(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if m := p.Methods[0]; m.Unplanned != "" || len(m.Times) != 2 {
		t.Fatalf("%+v", m)
	}
	return p.Methods[0]
}

// The methods differ in what they exchange: rows, sums, statistics, codes, a matrix, an EMA's centre, a queue.
var methods = []string{"simclr", "mocov2", "swav", "byol", "barlowtwins", "vicreg", "wmse", "dino", "nnclr", "paws"}

// What is planned is what two processes exchange in a real run with another batch than the simulated ones: to the byte.
func TestAPlanIsWhatARunDoes(t *testing.T) {
	const batch = 96
	together.Spawn(t, 2, func(t *testing.T) {
		place, _, err := dist.Find()
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range methods {
			short, _ := exchanged(t, place, name, batch, 2)
			long, state := exchanged(t, place, name, batch, 4)
			got := long.Since(short)
			if place.Rank > 0 {
				continue
			}
			m := plan(t, name, batch, 4*batch)
			twice := func(e torch.Exchanges) torch.Exchanges {
				return torch.Exchanges{Calls: 2 * e.Calls, Bytes: 2 * e.Bytes}
			}
			got.Noted.Bytes *= 2
			want := torch.Traffic{
				Gathered: twice(m.Step.Gathered), Summed: twice(m.Step.Summed), Sent: twice(m.Step.Sent),
				Averaged: twice(m.Step.Averaged), Noted: twice(m.Step.Noted),
			}
			if got != want {
				t.Errorf("%s: two steps exchange\n%+v, planned were\n%+v", name, got, want)
			}
			if math.Abs(m.State-state) > 0.05*state { // a queue has whole batches
				t.Errorf("%s: a checkpoint has %.0f bytes, planned were %.0f", name, state, m.State)
			}
		}
	})
}

// exchanged makes a run of some steps and returns what this process exchanged, and in the chief the bytes of the
// checkpoint's tensors.
func exchanged(t *testing.T, place *dist.Place, name string, batch, steps int) (torch.Traffic, float64) {
	t.Helper()
	count := func() (all torch.Traffic) {
		if err := torch.Scope(func() error { all = torch.Exchanged(); return nil }); err != nil {
			t.Fatal(err)
		}
		return all
	}
	r := &pretrain.Request{Preset: "lab", Settings: []pretrain.Setting{
		pretrain.Set("data.path", fmt.Sprintf("synthetic:%d", 4*batch)), pretrain.Set("method.name", name),
		pretrain.Set("data.size", size),
		pretrain.Set("train.batch", batch), pretrain.Set("train.max_steps", steps), pretrain.Set("train.threads", 1),
		pretrain.Set("train.eval_every", 1000), pretrain.Set("train.eval_early", false),
		pretrain.Set("train.precision", config.Float32), pretrain.Set("train.on_collapse", "off"),
		pretrain.Set("probe.limit", 64), pretrain.Set("probe.linear", false),
	}}
	out := filepath.Join(t.TempDir(), "run")
	before := count()
	if _, err := pretrain.Run(context.Background(), r, pretrain.Options{Out: out, Place: place}); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	made := count().Since(before)
	if place.Rank > 0 {
		return made, 0
	}
	saved, err := checkpoint.Read(checkpoint.Path(out, checkpoint.Name(steps)), name)
	if err != nil {
		t.Fatal(err)
	}
	bytes := 0.
	for _, part := range [][]nn.State{saved.Networks, saved.Optimizer, saved.Average} {
		for _, s := range part {
			bytes += float64(len(s.Bytes))
		}
	}
	return made, bytes
}

// A process sends less than twice a result, however many there are, and the time falls with the speed of the link until
// the latency is left.
func TestTime(t *testing.T) {
	step := torch.Traffic{
		Gathered: torch.Exchanges{Calls: 2, Bytes: 1e6}, Averaged: torch.Exchanges{Calls: 4, Bytes: 1e8},
	}
	for _, c := range []struct {
		processes         int
		gradients, others float64 // seconds at 8 Gbit/s, without latency
	}{{1, 0, 0}, {2, 0.1, 0.5e-3}, {4, 0.15, 0.75e-3}, {1000, 0.1998, 0.999e-3}} {
		cluster := scale.Cluster{Machines: 1, Processes: c.processes, Speed: 100}
		got := cluster.Time(step, 8e9, 100*c.processes)
		if math.Abs(got.Gradients-c.gradients) > 1e-9 || math.Abs(got.Others-c.others) > 1e-9 {
			t.Errorf("%d processes: %+v", c.processes, got)
		}
		want := 1 / (1 + got.Others) // the gradients are hidden behind half a second
		if math.Abs(got.Efficiency-want) > 1e-9 {
			t.Errorf("%d processes: efficiency %g, want %g", c.processes, got.Efficiency, want)
		}
	}
	late := scale.Cluster{Machines: 4, Processes: 2, Latency: time.Millisecond}
	if got := late.Time(step, 1e15, 16).Others; math.Abs(got-2*6e-3) > 1e-6 {
		t.Errorf("two exchanges of six messages of a millisecond take %g s", got)
	}
}

func TestRefused(t *testing.T) {
	good := scale.Request{Cluster: scale.Cluster{Machines: 2, Processes: 4, Links: []float64{1e9}, Disk: 1e9},
		Method: "simclr", Preset: "lab", Size: 32, Images: 10_000, PerShard: 100}
	for want, change := range map[string]func(r *scale.Request){
		"the machines are 0":             func(r *scale.Request) { r.Cluster.Machines = 0 },
		"the processes on a machine are": func(r *scale.Request) { r.Cluster.Processes = -1 },
		"a multiple of the 8 processes":  func(r *scale.Request) { r.Batch = 100 },
		"fewer than a batch":             func(r *scale.Request) { r.Images = 100 },
		"a link has -1 bits":             func(r *scale.Request) { r.Cluster.Links = []float64{-1} },
		"no speed of a link":             func(r *scale.Request) { r.Cluster.Links = nil },
		"the bytes a second of the disk": func(r *scale.Request) { r.Cluster.Disk = math.NaN() },
		"a latency and a speed":          func(r *scale.Request) { r.Cluster.Latency = -1 },
		"unknown method":                 func(r *scale.Request) { r.Method = "simclrr" },
		"resnet19":                       func(r *scale.Request) { r.Backbone = "resnet19" },
		"labb":                           func(r *scale.Request) { r.Preset = "labb" },
	} {
		r := good
		change(&r)
		_, err := scale.New(context.Background(), r)
		invalid := (*run.InvalidError)(nil)
		if err == nil || !strings.Contains(err.Error(), want) || !errors.As(err, &invalid) {
			t.Errorf("%q: %v", want, err)
		}
	}
}
