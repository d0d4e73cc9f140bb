// SPDX-License-Identifier: Apache-2.0

// Command metric measures something of its own while a run trains: how many of the backbone's features are dead, which means
// 0 for every image of the batch. A [train.Hook] sees the networks and the last batch's features after every step.
//
//	go run ./examples/metric
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/parallax-ssl/parallax/pretrain"
	"github.com/parallax-ssl/parallax/train"
)

func main() {
	err := run(context.Background(), "runs/metric", 40, func(step int, share float64) {
		fmt.Printf("step %3d  %.0f %% of the features are dead\n", step, 100*share)
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "metric: "+err.Error())
		os.Exit(1)
	}
}

// dead measures whenever the run evaluates itself.
type dead struct {
	found func(step int, share float64)
}

// Name tells the hook's errors apart.
func (dead) Name() string { return "dead" }

// After counts the columns without a value other than 0.
func (d dead) After(p *train.Progress) (train.Decision, error) {
	if !p.Due || !p.Features.Defined() { // before the first step there is no batch
		return nil, nil
	}
	h, columns := p.Features.Float32s(), p.Features.Size(1)
	alive := make(map[int]bool)
	for i, v := range h {
		if v != 0 {
			alive[i%columns] = true
		}
	}
	d.found(p.Step, 1-float64(len(alive))/float64(columns))
	return nil, nil // the run goes on
}

// run trains by SimSiam for some steps in a new run directory.
func run(ctx context.Context, dir string, steps int, found func(step int, share float64)) error {
	request := &pretrain.Request{Preset: "tiny-cpu", Settings: []pretrain.Setting{
		pretrain.Set("method.name", "simsiam"), pretrain.Set("data.path", "synthetic:512"), pretrain.Set("data.size", 16),
		pretrain.Set("backbone.width", 8), pretrain.Set("train.batch", 64),
		pretrain.Set("train.max_steps", steps), pretrain.Set("train.eval_every", 10),
	}}
	_, err := pretrain.Run(ctx, request, pretrain.Options{
		Out: dir,
		Prepare: func(_ *pretrain.Session, o *train.Options) error {
			o.Hooks = append(o.Hooks, dead{found})
			return nil
		},
	})
	return err
}
