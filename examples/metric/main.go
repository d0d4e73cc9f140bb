// SPDX-License-Identifier: Apache-2.0

// Command metric adds a metric of its own to every evaluation of a run: how many of the backbone's features are dead,
// that is, 0 for every image of the probe. metrics.jsonl and TensorBoard have the number beside the built-in ones.
//
//	go run ./examples/metric
package main

import (
	"context"
	"fmt"
	"math"
	"os"

	"github.com/parallax-ssl/parallax/pretrain"
	"github.com/parallax-ssl/parallax/pretrain/probe"
	"github.com/parallax-ssl/parallax/run"
)

// dead is the share of the columns that are 0 in every row.
var dead = probe.Metric{Name: "dead", Measure: func(r *probe.Rows) float64 {
	if r.Of != run.OfBackbone {
		return math.NaN() // the embeddings have no such metric
	}
	columns := r.Queries.Size(1)
	alive := make(map[int]bool)
	for i, v := range r.Queries.Float32s() {
		if v != 0 {
			alive[i%columns] = true
		}
	}
	return 1 - float64(len(alive))/float64(columns)
}}

func main() {
	err := train(context.Background(), "runs/metric", 40, func(e run.Event) {
		if v, ok := e.Metrics[dead.Name]; ok {
			fmt.Printf("step %3d  %.0f %% of the features are dead\n", e.Step, 100*v.Value)
		}
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "metric: "+err.Error())
		os.Exit(1)
	}
}

// train trains with SimSiam for the given number of steps in a new run directory.
func train(ctx context.Context, dir string, steps int, watch func(run.Event)) error {
	request := &pretrain.Request{Preset: "tiny-cpu", Settings: []pretrain.Setting{
		pretrain.Set("method.name", "simsiam"),
		pretrain.Set("data.path", "synthetic:512"), pretrain.Set("data.size", 16),
		pretrain.Set("backbone.width", 8), pretrain.Set("train.batch", 64),
		pretrain.Set("train.max_steps", steps), pretrain.Set("train.eval_every", 10),
	}}
	_, err := pretrain.Run(ctx, request, pretrain.Options{
		Out: dir, Metrics: []probe.Metric{dead}, Watch: []func(run.Event){watch},
	})
	return err
}
